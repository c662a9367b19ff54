import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { runColumns, statusesBefore, toRun, type StoredRun } from '../runs/index.ts'
import { candidates, countHeld, type Claimant } from './waiting-store.ts'

/** A claimed run. */
export interface Claim {
  readonly run: StoredRun
  /** Time since the start of the run, both taken from the database's clock. */
  readonly elapsedMs: number
}

/** A run that the worker wants to claim. */
interface Candidate {
  readonly id: string
  readonly organizationId: string
  readonly share: number
  /** How many runs its organization may have in execution. */
  readonly quota: number
}

/** With so much left of a quota, a claim of each of eight workers fits. */
const plentyRuns = 400
/** Any number that no other lock of this program begins with. */
const claimsLock = 0x636c6d73

// A run that another worker lost is running already.
const claimable = [...statusesBefore('running'), 'running' as const]

/**
 * Claims up to `slots` runs by fair shares, pending and interrupted ones. Claims none when the worker's own lease has
 * ended: the worker must renew it first.
 */
export async function claimRuns(tx: Tx, claimant: Claimant, slots: number): Promise<Claim[]> {
  // Another worker may be claiming the first ones at this moment.
  const { rows } = await sql<Candidate>`
    with ${candidates(claimant, slots * 2)}
    select r.id, r.organization_id as "organizationId", c.share::int as share, c.quota
    from candidates c join runs r on r.id = c.id
    where r.status = any(${claimable}::text[]) and r.attempt = c.attempt
    order by c.share, c.queued_at, c.id limit ${slots} for update of r skip locked`.execute(tx)
  return take(tx, claimant.id, await withinQuotas(tx, rows))
}

/**
 * The ids of the candidates that the quotas of their organizations allow. Other workers may be claiming runs of the
 * same organization: where little is left, the claims take turns until they commit, and count again.
 */
async function withinQuotas(tx: Tx, rows: readonly Candidate[]): Promise<string[]> {
  const near = new Set(rows.filter(({ share, quota }) => quota - share < plentyRuns).map((row) => row.organizationId))
  if (near.size === 0) return rows.map(({ id }) => id)
  const ordered = [...near].sort()
  for (const organizationId of ordered)
    await sql`select pg_advisory_xact_lock(${claimsLock}::int, hashtext(${organizationId}))`.execute(tx)
  const held = await countHeld(tx, ordered)
  return rows.flatMap(({ id, organizationId, quota }) => {
    if (!near.has(organizationId)) return [id]
    const count = (held.get(organizationId) ?? 0) + 1
    held.set(organizationId, count)
    return count <= quota ? [id] : []
  })
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
    .where(sql<boolean>`id = any(${ids}::uuid[])`)
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
