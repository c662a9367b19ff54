import { sql } from 'kysely'
import type { Db } from '../../../../platform/db/database.ts'
import { replayedEvents } from './replay-entry.ts'

/**
 * Attempts at a running run that were interrupted since it last made progress. The current attempt is not counted, nor
 * are those that its workers gave back.
 */
export async function countFruitlessAttempts(db: Db, runId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select (count(*) filter (where event in ('started', 'run_resumed')) - 1
      - count(*) filter (where event = 'run_released'))::int as count
    from run_events where run_id = ${runId} and seq > coalesce(
      (select seq from run_events where run_id = ${runId} and event = any(${replayedEvents}::text[])
        order by seq desc limit 1), 0)`.execute(db)
  return rows[0]?.count ?? 0
}

/**
 * The longest time, in milliseconds, for which a worker had each of the runs since its last progress before it gave it
 * back. Runs that were not given back since then are left out.
 */
export async function longestFruitlessHolds(db: Db, runIds: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ id: string; ms: number }>`
    select run.id, max(extract(epoch from hold.released_at - hold.since) * 1000)::float8 as ms
    from unnest(${runIds}::uuid[]) as run(id) cross join lateral (
      select event, created_at as released_at, lag(created_at) over (order by seq) as since
      from run_events where run_id = run.id
        and (event in ('started', 'run_resumed', 'run_released') or event = any(${replayedEvents}::text[]))
        and seq >= coalesce(
          (select seq from run_events where run_id = run.id and event = any(${replayedEvents}::text[])
            order by seq desc limit 1), 0)) hold
    where hold.event = 'run_released' and hold.since is not null
    group by run.id`.execute(db)
  return new Map(rows.map(({ id, ms }) => [id, ms]))
}
