import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { runColumns, toRun, type StoredRun } from '../runs/index.ts'

/** How long a worker's runs are left alone after its last heartbeat. */
const leaseMs = 5_000

/** Extends the worker's lease, which is the lease of all its runs. */
export async function heartbeat(db: Db, workerId: string): Promise<void> {
  await sql`
    insert into workers (id, expires_at) values (${workerId}, now() + ${leaseMs} * interval '1 ms')
    on conflict (id) do update set expires_at = excluded.expires_at`.execute(db)
}

/** Ends the worker's lease: its runs can be taken over at once. */
export async function endLease(db: Db, workerId: string): Promise<void> {
  await db.updateTable('workers').set({ expires_at: sql<Date>`now()` }).where('id', '=', workerId).execute()
}

/** Ends every lease. Only for a database that no other process uses: whoever held them is dead. */
export async function endAllLeases(db: Db): Promise<void> {
  await db.updateTable('workers').set({ expires_at: sql<Date>`now()` }).execute()
}

/** Forgets workers that are gone and hold nothing. */
export async function removeDeadWorkers(db: Db): Promise<void> {
  await sql`
    delete from workers w where w.expires_at < now() - interval '1 minute'
      and not exists (select from runs r where r.worker_id = w.id and r.status = 'running')`.execute(db)
}

/**
 * Takes up to `slots` runs: first those whose worker is gone, then pending ones by fair shares, so that each
 * organization's next run competes with what it already has running. The cost grows with the organizations that wait, not with the queue.
 */
export async function claimRuns(tx: Tx, workerId: string, slots: number): Promise<StoredRun[]> {
  const lost = await take(tx, workerId, await lockLost(tx, slots))
  const room = slots - lost.length
  const pending = room === 0 ? [] : await take(tx, workerId, await lockPending(tx, room))
  return [...lost, ...pending]
}

async function lockLost(tx: Tx, slots: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from runs
    where status = 'running' and (worker_id is null or worker_id in (select id from workers where expires_at <= now()))
    order by id limit ${slots} for update skip locked`.execute(tx)
  return rows.map(({ id }) => id)
}

async function lockPending(tx: Tx, slots: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with recursive waiting as (
      (select organization_id from runs where status = 'pending' order by organization_id limit 1)
      union all
      select (select r.organization_id from runs r where r.status = 'pending' and r.organization_id > w.organization_id order by r.organization_id limit 1)
      from waiting w where w.organization_id is not null
    ), candidates as materialized (
      select next.id, next.place + (select count(*) from runs a where a.status = 'running' and a.organization_id = w.organization_id) as share
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

async function take(tx: Tx, workerId: string, ids: readonly string[]): Promise<StoredRun[]> {
  if (ids.length === 0) return []
  const rows = await tx
    .updateTable('runs')
    .set({ status: 'running', attempt: sql<number>`attempt + 1`, worker_id: workerId, started_at: sql<Date>`coalesce(started_at, now())` })
    .where('id', 'in', [...ids])
    .returning(runColumns)
    .execute()
  return rows.map(toRun)
}

/** Of the runs that the worker believes to hold, those that it no longer does. */
export async function findLostRuns(db: Db, workerId: string, runIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select held.id from unnest(${runIds}::uuid[]) as held(id)
    left join runs r on r.id = held.id and r.status = 'running' and r.worker_id = ${workerId}
    where r.id is null`.execute(db)
  return rows.map(({ id }) => id)
}

/** Gives a run back, to be claimed by anyone at once. */
export async function releaseRun(db: Db, run: StoredRun): Promise<void> {
  await db.updateTable('runs').set({ worker_id: null }).where('id', '=', run.id).where('attempt', '=', run.attempt).where('status', '=', 'running').execute()
}

/** Locks the run for its attempt; false when the attempt holds it no longer. */
export async function lockAttempt(tx: Tx, run: StoredRun): Promise<boolean> {
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

/** True when the run has ended, or is gone. */
export async function hasEnded(db: Db, runId: string): Promise<boolean> {
  const row = await db.selectFrom('runs').select('id').where('id', '=', runId).where('status', 'in', ['pending', 'running', 'waiting']).executeTakeFirst()
  return row === undefined
}

/** Of the given runs, those whose workspace nobody can be using any more: gone, or ended an hour ago. */
export async function findAbandoned(db: Db, runIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select given.id from unnest(${runIds}::uuid[]) as given(id)
    left join runs r on r.id = given.id and (r.completed_at is null or r.completed_at > now() - interval '1 hour')
    where r.id is null`.execute(db)
  return rows.map(({ id }) => id)
}
