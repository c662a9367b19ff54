import { createServer } from 'node:net'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../testing/test-database.ts'
import { portOf } from '../http/port-of.ts'
import { createLog } from '../log/log.ts'
import { databaseFailureOf, isDatabaseOutage, revealDatabaseFailures } from './database-failure.ts'
import { openDatabase, type Database } from './database.ts'

const log = createLog('silent')
const caught = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a failure of the database', () => {
  let testDatabase: TestDatabase
  let database: Database
  beforeAll(async () => {
    testDatabase = await cloneDatabase()
    database = openDatabase(testDatabase.address, { connectionsMax: 3, log })
  })
  afterAll(async () => {
    await database.close()
    await testDatabase.drop()
  })

  // PostgreSQL itself raises the states, so that the table is read through the driver.
  it.each([
    ['57P03', 'unavailable'],
    ['57P01', 'unavailable'],
    ['53300', 'unavailable'],
    ['25006', 'unavailable'],
    ['08006', 'unavailable'],
    ['58030', 'unavailable'],
    ['57014', 'timeout'],
    ['55P03', 'locked'],
    ['40P01', 'conflict'],
    ['40001', 'conflict'],
    ['53100', 'full'],
    ['53200', 'full'],
    ['42P01', undefined],
    ['23505', undefined],
    ['54000', undefined],
    ['XX000', undefined],
  ])('of SQLSTATE %s is %s', async (state, kind) => {
    const raise = sql.raw(`do $$ begin raise exception using errcode = '${state}'; end $$`)
    const error = await caught(raise.execute(database.db))
    expect(error).toBeInstanceOf(pg.DatabaseError)
    expect(databaseFailureOf(error)?.kind).toBe(kind)
    expect(databaseFailureOf(new Error('Wrapped.', { cause: error }))?.kind).toBe(kind)
  })

  it('that ends the connection may have taken effect; one that refuses the statement has not', async () => {
    const ended = await caught(sql`select pg_terminate_backend(pg_backend_pid())`.execute(database.db))
    expect(databaseFailureOf(ended)).toEqual({ kind: 'unavailable', mayHaveTakenEffect: true })
    const locked = await caught(
      sql.raw("do $$ begin raise exception using errcode = '55P03'; end $$").execute(database.db),
    )
    expect(databaseFailureOf(locked)).toEqual({ kind: 'locked', mayHaveTakenEffect: false })
  })

  it('that prevents a connection has not taken effect', async () => {
    const server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const port = portOf(server.address())
    const address = { host: '127.0.0.1', port, user: 'nobody', database: 'nothing' }
    const away = openDatabase(address, { connectionsMax: 1, log })
    const reset = await caught(sql`select 1`.execute(away.db))
    await new Promise((resolve) => server.close(resolve))
    const refused = await caught(sql`select 1`.execute(away.db))
    const refusedToTenant = await caught(sql`select 1`.execute(away.dbOf('5f0c4c2e-0000-4000-8000-000000000000')))
    await away.close()
    const closed = await caught(sql`select 1`.execute(away.db))
    for (const error of [reset, refused, refusedToTenant, closed]) {
      expect(databaseFailureOf(error), String(error)).toEqual({ kind: 'unavailable', mayHaveTakenEffect: false })
      expect(isDatabaseOutage(error)).toBe(true)
    }
  })

  it('is told apart by its source, not by its code', () => {
    for (const code of ['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', '57P01'])
      expect(databaseFailureOf(Object.assign(new Error('Connection terminated'), { code })), code).toBeUndefined()
  })

  it('replaces the error of a library that hides it', async () => {
    const failing = sql.raw("do $$ begin raise exception using errcode = '53100'; end $$")
    const hiding = revealDatabaseFailures(async () => {
      await caught(failing.execute(database.db))
      throw new Error('Something went wrong.')
    })
    expect(databaseFailureOf(await caught(hiding))?.kind).toBe('full')
    const own = revealDatabaseFailures(async () => {
      await caught(sql`select nonsense`.execute(database.db))
      throw new Error('The error of the library.')
    })
    await expect(own).rejects.toThrow('The error of the library.')
  })
})
