import { sql, type RawBuilder } from 'kysely'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db } from '../../../platform/db/database.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { isLiveApplication } from '../../accounts/applications/index.ts'
import { makerOf } from '../files/index.ts'
import { findRunState } from './run-state-store.ts'
import { unfinishedStatuses } from './run.ts'
import { keptIn } from '../../../platform/hooks/postgres-kept.ts'

// Written into the statement, not sent as a parameter: only then can the partial indexes of unfinished runs be used.
const unfinished = sql.join(unfinishedStatuses.map((status) => sql.lit(status)))

/** Selects a row for each run of an application. */
export function runsOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from runs where application_id = ${applicationId}`
}

/** Selects a row for each run of an application that has not ended. */
export function unfinishedRunsOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from runs where application_id = ${applicationId} and status in (${unfinished})`
}

/** Selects a row for each run of an agent that has not ended. */
export function unfinishedRunsOfAgent(agentId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from runs where agent_id = ${agentId} and status in (${unfinished})`
}

/** Selects a row for each run that has not ended and takes a file as input. */
export function unfinishedRunsWithInput(fileId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select from run_inputs join runs on runs.id = run_inputs.run_id
    where run_inputs.file_id = ${fileId} and runs.status in (${unfinished})`
}

/** Selects a row if the run that made a file has not ended. */
export function unfinishedMakerOf(fileId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from runs where id = (${makerOf(fileId)}) and status in (${unfinished})`
}

/** False also for a run of another end-user. */
export async function isRunVisible(db: Db, scope: AppScope, runId: string): Promise<boolean> {
  return (await findRunState(db, scope, runId)) !== undefined
}

/** Tenant and agent of runs, to be joined; not of runs in a deleted application. */
export const runOwners = sql`(
  select organization_id, application_id, id, agent_id from runs
  where ${isLiveApplication(sql.ref('application_id'))})`

/** Removes runs of a deleted application. */
export const removeRuns = removalFrom('runs', 'application_id')

/** Removes journal entries of a deleted application. */
export const removeRunEvents = removalFrom('run_events', 'application_id')

/** Removes the inputs of runs of a deleted application. */
export const removeRunInputs = removalFrom('run_inputs', 'application_id')

/** Whether the run with this stored id is still there. */
export const isRunKept = keptIn('runs')
