import { sql } from 'kysely'
import type { Db } from '../../../../platform/db/database.ts'
import type { Position } from './journal-read-store.ts'

/** How far the events of an application can be read in order. */
export interface Horizon {
  /** No event up to this position will be committed any more. */
  readonly upTo: Position
  /** The last position that was given out, for any application. */
  readonly last: Position
}

/**
 * The horizons of applications. Read the events in a later statement, so that its snapshot is younger: it then has all
 * events up to the horizon.
 */
export async function findHorizons(db: Db, applicationIds: readonly string[]): Promise<Map<string, Horizon>> {
  const { rows } = await sql<{ id: string; horizon: number; last: number }>`
    select application_id as id, horizon, last from event_horizons(${applicationIds}::uuid[])`.execute(db)
  return new Map(rows.map(({ id, horizon, last }) => [id, { upTo: horizon, last }]))
}
