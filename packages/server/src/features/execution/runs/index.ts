import { rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { eraseRuns } from './run-erasure.ts'
import { expireRuns } from './run-expiry-store.ts'
import {
  isRunVisible,
  runsOf,
  unfinishedMakerOf,
  unfinishedRunsOf,
  unfinishedRunsOfAgent,
  unfinishedRunsWithInput,
  removeRuns,
  removeRunEvents,
  removeRunInputs,
  isRunKept,
} from './run-hook-store.ts'
import { cancelRun } from './cancel-run.ts'
import { deleteRun } from './delete-run.ts'
import { getRun } from './get-run.ts'
import { listRunLogs } from './list-run-logs.ts'
import { listRuns } from './list-runs.ts'
import { runAgent } from './run-agent.ts'
import { countExecuted, countUnfinished } from './room/run-room-store.ts'
import { startRun } from './start-run.ts'

/** The largest number of unfinished runs that is counted. */
const unfinishedShownMax = 1_000_000

const problems = {
  'run-not-found': { status: 404, title: 'Run Not Found' },
  'run-not-ready': { status: 422, title: 'Run Not Ready' },
  'run-already-finished': { status: 409, title: 'Run Already Finished' },
  'run-in-progress': { status: 409, title: 'Run In Progress' },
} as const
const idPrefixes = { run: 'A run.', evt: "An entry of a run's journal, or an event that webhooks send." } as const
const wakes = {
  runs: 'A run waits for a worker.',
  events: "A run's journal grew. The detail is `<application>:<run>`.",
  cancel: 'A run is to stop.',
} as const
const permissions = {
  runs: rights({ owner: ['read', 'cancel', 'delete'], member: ['read', 'cancel'], viewer: ['read'], grantable: true }),
}

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
  interface WakeTopics extends Readonly<typeof wakes> {}
}

export const runsFeature = feature({
  folder: 'execution/runs',
  tag: 'Runs',
  description: 'Runs of agents: start, follow and cancel them, and read their results.',
  problems,
  idPrefixes,
  wakes,
  permissions,
  isKept: { run: isRunKept },
  endpoints: { startRun, runAgent, listRuns, getRun, listRunLogs, cancelRun, deleteRun },
  owns: ['runs', 'run_events', 'run_inputs'],
  // The queue claims rows of runs and releases them.
  sharedWith: { runs: ['execution/queue'] },
  removes: { application: { runs: removeRuns, run_events: removeRunEvents, run_inputs: removeRunInputs } },
  contents: { application: { runs: { rows: runsOf } } },
  blocksDeletion: {
    application: {
      activeRuns: {
        rows: unfinishedRunsOf,
        description:
          'Runs that are pending, running or waiting. They block the deletion: cancel them, or wait until they end.',
        detail: 'Some of its runs have not ended: cancel them, or wait until they end.',
      },
    },
    agent: {
      activeRuns: {
        rows: unfinishedRunsOfAgent,
        detail: 'The agent has runs that have not ended: cancel them or wait until they end.',
      },
    },
    file: {
      activeRuns: {
        rows: unfinishedRunsWithInput,
        detail: 'A run that has not ended uses this file as input: wait until it ends or cancel it.',
      },
    },
    // What an unfinished run has made can be deleted by request, but not because of its age.
    'expiring-file': {
      unfinishedMaker: { rows: unfinishedMakerOf, detail: 'The run that made this file has not ended.' },
    },
  },
  quotas: {
    unfinishedRuns: { used: (db, organizationId) => countUnfinished(db, organizationId, unfinishedShownMax) },
    concurrentRuns: { used: countExecuted },
  },
  isVisible: { run: isRunVisible },
  erase: eraseRuns,
  expires: { runDays: expireRuns },
})

export { findRepeatedRun, originOf, tooManyRuns } from './create-run.ts'
export { cancelLockedRun, finishRun, recordFailedRun, wakeAfterCancel, type Ending } from './end-run.ts'
export {
  appendEvents,
  appendFenced,
  Fenced,
  loadJournal,
  measureJournal,
  type JournalSize,
  type RunProgress,
} from './journal/journal-store.ts'
export {
  logLine,
  modelAnswer,
  modelFailed,
  modelRetry,
  modelStopped,
  modelWait,
  outputNotKept,
  outputReturned,
  reminder,
  reportAdded,
  runCompleted,
  runReleased,
  runResumed,
  toolFinished,
  toolStarted,
  type CallTimes,
  type LogEntry,
} from './journal/log-entries.ts'
export { countFruitlessAttempts, longestFruitlessHolds } from './journal/attempts-store.ts'
export { logEvents, logLevels, type LogEventName, type LogLevel } from './journal/log-events.ts'
export { DamagedJournal, parseReplayed, type JournalRow, type ReplayedEntry } from './journal/replay-entry.ts'
export { finalOutboxTypes, runUpdate, sealEntries } from './journal/stored-entry.ts'
export {
  countEventsAfter,
  findLastPositions,
  hasEventsToSend,
  loadAgentEvents,
  loadApplicationEvents,
  loadRunEvents,
  type EventRow,
  type JournalPage,
  type Position,
  type Span,
} from './journal/journal-read-store.ts'
export { findHorizons, type Horizon } from './journal/event-horizon-store.ts'
export { insertPreparedRun, prepareRun, type PreparedRun } from './prepare-run.ts'
export {
  unsealEntry,
  unsealJournal,
  unsealRun,
  unsealRunError,
  unsealRunWith,
  sealProgress,
  toRecord,
} from './run-content.ts'
export { runColumns, toRun } from './run-row.ts'
export { detachFromSchedules } from './run-erasure-store.ts'
export { runOwners } from './run-hook-store.ts'
export { includeQuery, loadListedRuns } from './listed-run.ts'
export {
  findAbandonedRuns,
  findRunState,
  findRunStates,
  findUnfinishedRunsOfSchedules,
  hasRunEnded,
  type RunState,
} from './run-state-store.ts'
export { budgetPattern, runRequestFields, type RunRequest } from './run-request.ts'
export { roomLimitOf, runRoom } from './room/run-room.ts'
export { findRun, findRunInputs } from './run-store.ts'
export {
  RunErrorWire,
  RunListItemWire,
  RunLogWire,
  RunSummaryWire,
  RunWire,
  toRunListItemWire,
  toRunSummaryWire,
  toRunWire,
  trimUsd,
} from './run-wire.ts'
export {
  isTerminal,
  runStatuses,
  statusesBefore,
  terminalStatuses,
  type JsonRecord,
  type Run,
  type RunError,
  type RunStatus,
  type StoredRun,
} from './run.ts'
