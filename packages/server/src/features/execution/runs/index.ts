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

export { appendEvents, appendFenced, Fenced, readJournal, runUpdate, type JournalEntry, type NewEvent, type RunProgress } from './journal-store.ts'
export { insertPreparedRun, prepareRun, type PreparedRun, type RunOrigin } from './prepare-run.ts'
export { recordFailedRun, type FailedStart } from './record-failed-run.ts'
export { runColumns, toRun } from './run-row.ts'
export { runRequestFields, type RunRequest } from './run-request.ts'
export { endRun, listRunInputs } from './run-store.ts'
export type { Run, RunError, RunStatus, TerminalStatus } from './run.ts'
