import { CompiledQuery, sql, type ExpressionBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { DB } from '../../../platform/db/schema.generated.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { IdempotencyKey } from '../../../platform/http/idempotency/idempotency.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { fileContents } from '../files/index.ts'
import { runColumns, toRun, type RunRow } from './run-row.ts'
import { toStoredSummary } from './run-wire.ts'
import { statusesBefore, type RunError, type StoredRun, type TerminalStatus } from './run.ts'

/** An input file of a run, with the fields that reading its bytes needs. */
export interface StoredInput {
  readonly id: string
  readonly applicationId: string
  /** The owner of the file, who need not be the owner of the run. */
  readonly endUserId: string | null
  readonly salt: Buffer | null
  /** Its stored name in /workspace/input. */
  readonly name: string
  readonly sizeBytes: number
}

/** A run to insert, with its content as it is stored. */
export type NewRun = Pick<
  StoredRun,
  | 'id'
  | 'agentId'
  | 'agentName'
  | 'packageVersionId'
  | 'version'
  | 'userId'
  | 'apiKeyId'
  | 'input'
  | 'config'
  | 'metadata'
  | 'budgetUsd'
  | 'modelRowId'
  | 'model'
  | 'timeoutMs'
  | 'scheduleId'
  | 'scheduledFor'
> & { readonly packageId: string; readonly idempotency: IdempotencyKey | undefined }

// The hot path of every start: one statement, without a query builder. Values that the database sets come from the row.
const insertion = `
  with r as (
    insert into runs (
      id, organization_id, application_id, end_user_id, agent_id, agent_name, package_id, package_version_id, version,
      user_id, api_key_id, input, config, metadata, budget_usd, model_id, model, timeout_ms, idempotency_key_hash,
      idempotency_body_hash, schedule_id, scheduled_for, status, last_seq)
    values (
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, 'pending', 1)
    returning *, hold_event_positions(application_id)
  ), created as (
    insert into run_events (
      run_id, seq, id, organization_id, application_id, agent_id, end_user_id, kind, type, level, event, data)
    select
      id, last_seq, $23::uuid, organization_id, application_id, agent_id, end_user_id,
      'run_update', 'system', 'info', 'created',
      $24::jsonb || jsonb_build_object(
        'createdAt', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'budget', trim_scale(budget_usd)::text)
    from r
  )
  select ${runColumns.join(', ')} from r`

/** Inserts a run with the first event of its journal. */
export async function insertRun(tx: Tx, scope: AppScope, run: NewRun): Promise<StoredRun> {
  const values = [
    run.id,
    scope.organizationId,
    scope.applicationId,
    scope.endUserId,
    run.agentId,
    run.agentName,
    run.packageId,
    run.packageVersionId,
    run.version,
    run.userId,
    run.apiKeyId,
    toJsonText(run.input),
    toJsonText(run.config),
    toJsonText(run.metadata),
    run.budgetUsd,
    run.modelRowId,
    run.model === null ? null : toJsonText(run.model),
    run.timeoutMs,
    run.idempotency?.keyHash ?? null,
    run.idempotency?.bodyHash ?? null,
    run.scheduleId,
    run.scheduledFor,
    newUuid(),
    toJsonText(toStoredSummary(unstarted(scope, run))),
  ]
  const { rows } = await tx.executeQuery<RunRow>(CompiledQuery.raw(insertion, values))
  const [row] = rows
  if (row === undefined) throw new Error(`Run ${run.id} was not inserted.`)
  return toRun(row)
}

function unstarted(scope: AppScope, run: NewRun): StoredRun {
  const usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }
  const ending = { output: null, report: null, error: null, usage, costUsd: '0', startedAt: null, completedAt: null }
  return { ...run, ...scope, ...ending, status: 'pending', attempt: 0, createdAt: new Date(0) }
}

/** Records the input files of a run, with their stored names in /workspace/input. */
export async function insertRunInputs(
  tx: Tx,
  scope: AppScope,
  input: { runId: string; files: readonly { id: string; name: string }[] },
): Promise<void> {
  if (input.files.length === 0) return
  const rows = input.files.map((file) => ({
    application_id: scope.applicationId,
    run_id: input.runId,
    file_id: file.id,
    name: file.name,
  }))
  await tx.insertInto('run_inputs').values(rows).execute()
}

/** The input files of a run. */
export async function findRunInputs(db: Db, runId: string): Promise<StoredInput[]> {
  return db
    .selectFrom('run_inputs as i')
    .innerJoin(fileContents(db).as('f'), 'f.id', 'i.file_id')
    .select([
      'f.id',
      'f.application_id as applicationId',
      'f.end_user_id as endUserId',
      'f.salt',
      'i.name',
      'f.size_bytes as sizeBytes',
    ])
    .where('i.run_id', '=', runId)
    .execute()
}

/** Undefined also for another end-user's run. */
export async function findRun(db: Db, scope: AppScope, id: string): Promise<StoredRun | undefined> {
  const row = await db
    .selectFrom('runs')
    .select(runColumns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .executeTakeFirst()
  return row === undefined ? undefined : toRun(row)
}

/** Locks a run until the transaction ends. Undefined also for another end-user's run. */
export async function lockRun(tx: Tx, scope: AppScope, id: string): Promise<StoredRun | undefined> {
  const row = await tx
    .selectFrom('runs')
    .select(runColumns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .forUpdate()
    .executeTakeFirst()
  return row === undefined ? undefined : toRun(row)
}

/** The run that a request with this idempotency key created. */
export async function findRunOfKey(
  db: Db,
  scope: AppScope,
  keyHash: Buffer,
): Promise<{ run: StoredRun; bodyHash: Buffer | null } | undefined> {
  const row = await db
    .selectFrom('runs')
    .select([...runColumns, 'idempotency_body_hash'])
    .where('application_id', '=', scope.applicationId)
    .where('idempotency_key_hash', '=', keyHash)
    .executeTakeFirst()
  return row === undefined ? undefined : { run: toRun(row), bodyHash: row.idempotency_body_hash }
}

/** Locks the run for its attempt; false when the attempt no longer holds it. */
export async function lockAttempt(tx: Tx, run: Pick<StoredRun, 'id' | 'attempt'>): Promise<boolean> {
  const row = await tx
    .selectFrom('runs')
    .select('id')
    .where('id', '=', run.id)
    .where('attempt', '=', run.attempt)
    .where('status', '=', 'running')
    .forUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/** Ends a run that the transaction has locked. The error must be sealed when it can quote content. */
export async function endRun(
  tx: Tx,
  id: string,
  end: { status: TerminalStatus; error: RunError | null },
): Promise<StoredRun> {
  const row = await tx
    .updateTable('runs')
    .set({
      status: end.status,
      error: end.error === null ? null : toJsonText(end.error),
      completed_at: sql<Date>`now()`,
      worker_id: null,
    })
    .where('id', '=', id)
    .where('status', 'in', statusesBefore(end.status))
    .returning(runColumns)
    .executeTakeFirstOrThrow()
  return toRun(row)
}

/** Deletes a run with its journal. */
export async function deleteRunRow(tx: Tx, scope: AppScope, id: string): Promise<void> {
  await tx.deleteFrom('runs').where('application_id', '=', scope.applicationId).where('id', '=', id).execute()
}

/** The condition that a run is in the scope. */
export function visibleTo(scope: AppScope) {
  return (eb: ExpressionBuilder<DB, 'runs'>) =>
    eb.and([
      eb('organization_id', '=', scope.organizationId),
      eb('application_id', '=', scope.applicationId),
      ...(scope.endUserId === null ? [] : [eb('end_user_id', '=', scope.endUserId)]),
    ])
}
