import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { runColumns, statusesBefore, toRun, type StoredRun } from '../runs/index.ts'

/** A claimed run. */
export interface Claim {
  readonly run: StoredRun
  /** Time since the start of the run, both taken from the database's clock. */
  readonly elapsedMs: number
}

/**
 * Claims up to `slots` runs: first those whose worker's lease ended, then pending ones by fair shares: an
 * organization's next run ranks behind as many as it already has running. The cost grows with the number of waiting
 * organizations, not with the queue. Claims none when the worker's own lease has ended: the worker must renew it first.
 */
export async function claimRuns(tx: Tx, workerId: string, slots: number): Promise<Claim[]> {
  const lost = await take(tx, workerId, await lockLost(tx, workerId, slots))
  const room = slots - lost.length
  const pending = room === 0 ? [] : await take(tx, workerId, await lockPending(tx, room))
  return [...lost, ...pending]
}

// Skips the worker's own runs: it may still be executing them.
async function lockLost(tx: Tx, workerId: string, slots: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from runs
    where status = 'running' and (
      worker_id is null or worker_id in (select id from workers where expires_at <= now() and id <> ${workerId}))
    order by id limit ${slots} for update skip locked`.execute(tx)
  return rows.map(({ id }) => id)
}

async function lockPending(tx: Tx, slots: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with recursive waiting as (
      (select organization_id from runs where status = 'pending' order by organization_id limit 1)
      union all
      select (
        select r.organization_id from runs r where r.status = 'pending' and r.organization_id > w.organization_id
        order by r.organization_id limit 1)
      from waiting w where w.organization_id is not null
    ), candidates as materialized (
      select next.id, next.place + (
        select count(*) from runs a where a.status = 'running' and a.organization_id = w.organization_id) as share
      from waiting w cross join lateral (
        select id, row_number() over (order by id) as place from runs
        where status = 'pending' and organization_id = w.organization_id order by id limit ${slots}
      ) next
      where w.organization_id is not null
      order by share, id limit ${slots * 2}
    )
    select r.id from candidates c join runs r on r.id = c.id
    where r.status = 'pending' order by c.share, c.id limit ${slots} for update of r skip locked`.execute(tx)
  return rows.map(({ id }) => id)
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
    // A run that another worker lost is running already.
    .where('status', 'in', [...statusesBefore('running'), 'running'])
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
