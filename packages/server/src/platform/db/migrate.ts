import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type pg from 'pg'
import { prepareTenantRole } from './tenant-role.ts'

/** An arbitrary number that only this program uses: one process migrates at a time, across all nodes. */
const migrationLock = 7_261_903_118

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
  const client = await pool.connect()
  try {
    // The pool's timeout is for requests: waiting for another node or rebuilding an index may take longer.
    await client.query('set statement_timeout = 0')
    await client.query('select pg_advisory_lock($1)', [migrationLock])
    await client.query(`create table if not exists migrations (
      name text primary key, checksum text not null, applied_at timestamptz not null default now())`)
    const applied = await client.query<{ name: string; checksum: string }>(
      'select name, checksum from migrations order by name',
    )
    const pending = pendingMigrations(migrations, applied.rows)
    for (const migration of pending) await apply(client, migration)
    await prepareTenantRole(client)
    return pending.map((migration) => migration.name)
  } finally {
    // Closing the connection releases the lock and resets the setting, also after an error.
    client.release(true)
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

async function apply(client: pg.PoolClient, migration: Migration): Promise<void> {
  await client.query('begin')
  try {
    await client.query(migration.sql)
    await client.query('insert into migrations (name, checksum) values ($1, $2)', [migration.name, migration.checksum])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw new Error(`Migration ${migration.name} failed: ${error instanceof Error ? error.message : 'unknown'}.`, {
      cause: error,
    })
  }
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
