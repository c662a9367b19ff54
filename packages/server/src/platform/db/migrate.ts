import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { clientOfPool } from './client-of-pool.ts'
import { databaseFailureOf } from './database-failure.ts'
import { attachTenantGuards } from './tenant-guards.ts'
import { prepareTenantRole } from './tenant-role.ts'

/** An arbitrary number that only this program uses: one process migrates at a time, across all nodes. */
const migrationLock = 7_261_903_118

/** The first line of a file whose statements are executed one by one, without a transaction. */
const withoutTransaction = '-- without transaction\n'

const lockWaitMaxMs = 2_000
const lockPauseMs = 1_000
/** With the waits: about five minutes. */
const lockAttemptsMax = 100

const migrationsFolder = new URL('../../../migrations/', import.meta.url)

interface Migration {
  readonly name: string
  readonly sql: string
  readonly checksum: string
}

/** An applied migration was edited or is missing, or the database is newer than this program. */
export class MigrationMismatch extends Error {
  override readonly name = 'MigrationMismatch'
}

/**
 * Applies the pending SQL files of `migrations/` in order, each in a transaction, under one lock.
 * Throws MigrationMismatch, or an Error that names the failed file; earlier files stay applied.
 */
export async function migrate(pool: pg.Pool, folder = migrationsFolder): Promise<string[]> {
  const migrations = await readMigrations(folder)
  // The pool's timeouts are for requests: waiting for another node or rebuilding an index may take longer.
  const client = clientOfPool(pool.options, { statement_timeout: 0, lock_timeout: 0, query_timeout: 0 })
  await client.connect()
  try {
    await takeMigrationLock(client)
    await client.query(`create table if not exists migrations (
      name text primary key, checksum text not null, applied_at timestamptz not null default now())`)
    const applied = await client.query<{ name: string; checksum: string }>(
      'select name, checksum from migrations order by name',
    )
    const pending = pendingMigrations(migrations, applied.rows)
    for (const migration of pending) await apply(client, migration)
    await prepareTenantRole(client)
    await attachTenantGuards(client)
    return pending.map((migration) => migration.name)
  } finally {
    // Closing the connection releases the lock, also after an error.
    await client.end()
  }
}

// Asks again and again: `create index concurrently` waits for every statement in progress, such as one that waits for
// this lock, so the two would wait for each other.
async function takeMigrationLock(client: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [migrationLock])
    if (rows[0]?.taken === true) return
    await sleep(100)
  }
}

/** The files that are not applied yet. Throws MigrationMismatch if the applied ones differ from the files. */
function pendingMigrations<T extends { name: string; checksum: string }>(
  files: readonly T[],
  applied: readonly { name: string; checksum: string }[],
): T[] {
  const known = new Map(files.map((file) => [file.name, file.checksum]))
  for (const { name, checksum } of applied) {
    if (!known.has(name))
      throw new MigrationMismatch(
        `The database has migration ${name}, which this version does not know: run a newer version.`,
      )
    if (known.get(name) !== checksum) throw new MigrationMismatch(`Migration ${name} was changed after it was applied.`)
  }
  const done = new Set(applied.map((row) => row.name))
  return files.filter((file) => !done.has(file.name))
}

// A statement that waits for a table's lock blocks all later users of the table. So a migration waits only briefly, and
// lets the others pass before it tries again.
async function apply(client: pg.Client, migration: Migration): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await applyOnce(client, migration)
    } catch (error) {
      if (databaseFailureOf(error)?.kind !== 'locked' || attempt >= lockAttemptsMax) throw error
      await sleep(lockPauseMs)
    }
  }
}

async function applyOnce(client: pg.Client, migration: Migration): Promise<void> {
  if (migration.sql.startsWith(withoutTransaction)) return applyStatements(client, migration)
  await client.query('begin')
  try {
    await client.query(`set local lock_timeout = ${lockWaitMaxMs}`)
    await client.query(migration.sql)
    await client.query('insert into migrations (name, checksum) values ($1, $2)', [migration.name, migration.checksum])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw failureOf(migration.name, error)
  }
}

// `create index concurrently` is not possible in a transaction. If one statement fails, all are executed again later.
async function applyStatements(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    for (const statement of sql.split(/;\s*$/m)) await client.query(statement)
    await client.query('insert into migrations (name, checksum) values ($1, $2)', [name, checksum])
  } catch (error) {
    throw failureOf(name, error)
  }
}

function failureOf(name: string, error: unknown): Error {
  return new Error(`Migration ${name} failed: ${error instanceof Error ? error.message : 'unknown'}.`, { cause: error })
}

async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}
