import { feature } from '../../../platform/http/feature.ts'
import { cancelRun } from './cancel-run.ts'
import { deleteRun } from './delete-run.ts'
import { getRun } from './get-run.ts'
import { listRunLogs } from './list-run-logs.ts'
import { listRuns } from './list-runs.ts'
import './problems.ts'
import { runAgent } from './run-agent.ts'
import { startRun } from './start-run.ts'

export const runsFeature = feature({
  folder: 'execution/runs',
  tag: 'Runs',
  description: 'Agents at work: start, follow, cancel, and what came of it.',
  endpoints: { startRun, runAgent, listRuns, getRun, listRunLogs, cancelRun, deleteRun },
})

export { cancelLockedRun, wakeAfterCancel } from './cancel-locked-run.ts'
export {
  appendEvents,
  appendFenced,
  Fenced,
  readJournal,
  runUpdate,
  type JournalEntry,
  type NewEvent,
  type RunProgress,
} from './journal-store.ts'
export { insertPreparedRun, prepareRun, type PreparedRun } from './prepare-run.ts'
export { recordFailedRun } from './record-failed-run.ts'
export {
  openEntry,
  openJournal,
  openRun,
  openRunError,
  openRunWith,
  openSummaries,
  sealEvents,
  sealProgress,
  sealRunError,
  toRecord,
} from './run-content.ts'
export { runColumns, toRun } from './run-row.ts'
export { findRepeatedRun, originOf } from './run-origin.ts'
export { budgetPattern, runRequestFields, type RunRequest } from './run-request.ts'
export { endRun, findRunInputs, getRun } from './run-store.ts'
export { RunSummaryWire, RunWire, toRunSummaryWire, toRunWire, trimUsd } from './run-wire.ts'
export {
  isTerminal,
  statusesBefore,
  terminalStatuses,
  unfinishedStatuses,
  type JsonRecord,
  type Run,
  type RunError,
  type RunStatus,
  type StoredRun,
  type TerminalStatus,
} from './run.ts'
