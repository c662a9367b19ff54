import type { Platform } from './platform.ts'

/** The platform as background work uses it: with database connections of its own, so that requests need not wait. */
export function inBackground<P extends Platform>(platform: P): P {
  const { database } = platform
  const { db, dbOf, pool } = database.background
  return { ...platform, db, database: { ...database, db, dbOf, pool } }
}
