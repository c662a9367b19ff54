import { sql, type ExpressionBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { DB } from '../../../platform/db/schema.generated.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { runColumns, toRun } from './run-row.ts'
import { statusesBefore, type RunError, type RunStatus, type StoredRun, type TerminalStatus } from './run.ts'

/** A file that a run is given, and what opens its bytes. */
export interface StoredInput {
  readonly id: string
  readonly applicationId: string
  /** Whose file it is: not always whose run. */
  readonly endUserId: string | null
  readonly salt: Buffer | null
  /** Its name in /workspace/input, as the run stores it. */
  readonly name: string
  readonly sizeBytes: number
}

export interface RunFilters {
  readonly agentId?: string
  readonly status?: RunStatus
  /** Runs created before this one (a stored UUID), for cursors. */
  readonly after?: string
}

/** Records which files a run is given, under their names in /workspace/input, as these are stored. */
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

/** The files that a run is given. */
export async function findRunInputs(db: Db, runId: string): Promise<StoredInput[]> {
  return db
    .selectFrom('run_inputs as i')
    .innerJoin('files as f', 'f.id', 'i.file_id')
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

/** Throws run-not-found, also for another end-user's run. */
export async function getRun(db: Db, scope: AppScope, id: string): Promise<StoredRun> {
  const row = await db
    .selectFrom('runs')
    .select(runColumns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .executeTakeFirst()
  if (row === undefined) throw problem('run-not-found')
  return toRun(row)
}

/** Throws run-not-found. Nobody else changes the run until the transaction ends. */
export async function lockRun(tx: Tx, scope: AppScope, id: string): Promise<StoredRun> {
  const row = await tx
    .selectFrom('runs')
    .select(runColumns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .forUpdate()
    .executeTakeFirst()
  if (row === undefined) throw problem('run-not-found')
  return toRun(row)
}

/** The run that an idempotency key made, whatever became of the reply. */
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

export async function listRuns(
  db: Db,
  scope: AppScope,
  { page, filters }: { page: Page; filters: RunFilters },
): Promise<Slice<StoredRun>> {
  const matching = db
    .selectFrom('runs')
    .where(visibleTo(scope))
    .$if(filters.agentId !== undefined, (query) => query.where('agent_id', '=', filters.agentId ?? ''))
    .$if(filters.status !== undefined, (query) => query.where('status', '=', filters.status ?? 'pending'))
  const rows = await matching
    .select(runColumns)
    .$if(filters.after !== undefined, (query) => query.where('id', '<', filters.after ?? ''))
    .orderBy('id', 'desc')
    .limit(page.pageSize + 1)
    .offset(filters.after === undefined ? offsetOf(page) : 0)
    .execute()
  const { total } = await matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  const items = rows.slice(0, page.pageSize).map(toRun)
  const last = items.at(-1)
  return { items, total, nextCursor: rows.length > page.pageSize && last !== undefined ? last.id : null }
}

/** Ends a run that the transaction has locked. The error is stored as it is: one that may quote content is sealed before. */
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

function visibleTo(scope: AppScope) {
  return (eb: ExpressionBuilder<DB, 'runs'>) =>
    eb.and([
      eb('organization_id', '=', scope.organizationId),
      eb('application_id', '=', scope.applicationId),
      ...(scope.endUserId === null ? [] : [eb('end_user_id', '=', scope.endUserId)]),
    ])
}
