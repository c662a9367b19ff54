import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import type { DatabaseAddress } from '../platform/db/database.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A connection string of the server that tests use, on a database that is not under test. */
    adminDatabaseUrl: string
    /** A migrated database to clone. */
    templateDatabase: string
    redisUrl: string | null
  }
}

export interface TestDatabase {
  readonly address: DatabaseAddress
  readonly connectionString: string
  drop(): Promise<void>
}

/** A new database, cloned from the migrated template. */
export async function cloneDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`
  // The default strategy writes each page to the write-ahead log too: several times slower.
  const create = `create database ${name} template ${inject('templateDatabase')} strategy file_copy`
  await onAdmin((client) => client.query(create))
  const connectionString = databaseUrl(inject('adminDatabaseUrl'), name)
  return {
    address: { connectionString },
    connectionString,
    drop: async () => void (await onAdmin((client) => client.query(`drop database if exists ${name} with (force)`))),
  }
}

/** The same server's connection string for another database. */
export function databaseUrl(url: string, name: string): string {
  const parsed = new URL(url)
  parsed.pathname = `/${name}`
  return parsed.toString()
}

async function onAdmin<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: inject('adminDatabaseUrl') })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
