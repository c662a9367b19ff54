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
