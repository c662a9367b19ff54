import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { runColumns, statusesBefore, toRun, type StoredRun } from '../runs/index.ts'
import { candidates, type Claimant } from './waiting-store.ts'

/** A claimed run. */
export interface Claim {
  readonly run: StoredRun
  /** Time since the start of the run, both taken from the database's clock. */
  readonly elapsedMs: number
}

// A run that another worker lost is running already.
const claimable = [...statusesBefore('running'), 'running' as const]

/**
 * Claims up to `slots` runs by fair shares, pending and interrupted ones. Claims none when the worker's own lease has
 * ended: the worker must renew it first.
 */
export async function claimRuns(tx: Tx, claimant: Claimant, slots: number): Promise<Claim[]> {
  // Another worker may be claiming the first ones at this moment.
  const { rows } = await sql<{ id: string }>`
    with ${candidates(claimant, slots * 2)}
    select r.id from candidates c join runs r on r.id = c.id
    where r.status = any(${claimable}::text[]) and r.attempt = c.attempt
    order by c.share, c.queued_at, c.id limit ${slots} for update of r skip locked`.execute(tx)
  return take(
    tx,
    claimant.id,
    rows.map(({ id }) => id),
  )
}

async function take(tx: Tx, workerId: string, ids: readonly string[]): Promise<Claim[]> {
  if (ids.length === 0) return []
  const rows = await tx
    .updateTable('runs')
    .set({
      status: 'running',
      attempt: sql<number>`attempt + 1`,
      worker_id: workerId,
      started_at: sql<Date>`coalesce(started_at, now())`,
    })
    .where('id', 'in', [...ids])
    .where('status', 'in', claimable)
    .where((eb) =>
      eb.exists(
        eb.selectFrom('workers').select('id').where('id', '=', workerId).where('expires_at', '>', sql<Date>`now()`),
      ),
    )
    .returning(runColumns)
    .returning(sql<number>`extract(epoch from now() - started_at)::float8 * 1000`.as('elapsed_ms'))
    .execute()
  return rows.map((row) => ({ run: toRun(row), elapsedMs: row.elapsed_ms }))
}

/**
 * Compares the runs that the worker executes with its leases. `lost` runs are no longer leased to it; `unknown` runs
 * are leased to it but not executed, such as after a commit whose reply was lost.
 */
export async function compareHeld(
  db: Db,
  workerId: string,
  runIds: readonly string[],
): Promise<{ lost: string[]; unknown: string[] }> {
  const { rows } = await sql<{ id: string; is_lost: boolean }>`
    with mine as (select id from runs where status = 'running' and worker_id = ${workerId})
    select coalesce(held.id, mine.id) as id, mine.id is null as is_lost
    from unnest(${runIds}::uuid[]) as held(id) full join mine on mine.id = held.id
    where held.id is null or mine.id is null`.execute(db)
  return {
    lost: rows.filter((row) => row.is_lost).map(({ id }) => id),
    unknown: rows.filter((row) => !row.is_lost).map(({ id }) => id),
  }
}

/** Releases runs that are leased to the worker but not executed. */
export async function releaseUnknown(db: Db, workerId: string, runIds: readonly string[]): Promise<void> {
  await db
    .updateTable('runs')
    .set({ worker_id: null })
    .where('id', 'in', [...runIds])
    .where('worker_id', '=', workerId)
    .where('status', '=', 'running')
    .execute()
}

/** Releases a run, so that any worker can claim it at once. */
export async function releaseRun(db: Db, run: StoredRun): Promise<void> {
  await db
    .updateTable('runs')
    .set({ worker_id: null })
    .where('id', '=', run.id)
    .where('attempt', '=', run.attempt)
    .where('status', '=', 'running')
    .execute()
}
