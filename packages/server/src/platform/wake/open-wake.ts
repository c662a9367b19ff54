import type { Redis } from 'ioredis'
import type { Config } from '../config/config.ts'
import type { Database } from '../db/database.ts'
import type { Log } from '../log/log.ts'
import { createLocalWake } from './local-wake.ts'
import { createPostgresWake } from './postgres-wake.ts'
import { createRedisWake } from './redis-wake.ts'
import type { Wake } from './wake.ts'

/** Wake-ups over Redis, else PostgreSQL; with the embedded database only within the process, which has no peers. */
export async function openWake(parts: {
  config: Config
  database: Database
  redis: Redis | undefined
  log: Log
}): Promise<Wake> {
  if (parts.redis !== undefined) return createRedisWake(parts.redis, parts.log)
  if (parts.config.DATABASE_URL !== undefined) return createPostgresWake(parts.database.background.pool, parts.log)
  return createLocalWake(parts.log)
}
