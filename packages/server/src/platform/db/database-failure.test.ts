import { createServer } from 'node:net'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../testing/test-database.ts'
import { portOf } from '../http/port-of.ts'
import { createLog } from '../log/log.ts'
import { databaseFailureOf, deletedTenantOf, isDatabaseOutage, revealDatabaseFailures } from './database-failure.ts'
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

  it('is recognized by its source, not by its code', () => {
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

describe('a row of a deleted tenant', () => {
  let testDatabase: TestDatabase
  let database: Database
  const failureOf = (statement: string) => caught(sql.raw(statement).execute(database.db))
  beforeAll(async () => {
    testDatabase = await cloneDatabase()
    database = openDatabase(testDatabase.address, { connectionsMax: 2, log })
    await sql`create table own_parents (id uuid primary key)`.execute(database.db)
    await sql`
      create table toys (
        application_id uuid references applications (id),
        organization_id uuid references organizations (id),
        own_parent_id uuid references own_parents (id)
      )`.execute(database.db)
  })
  afterAll(async () => {
    await database.close()
    await testDatabase.drop()
  })

  it.each([
    ['application', 'application_id'],
    ['organization', 'organization_id'],
    [undefined, 'own_parent_id'],
  ])('that was removed already is one of an %s, by the column %s', async (tenant, column) => {
    const error = await failureOf(`insert into toys (${column}) values (gen_random_uuid())`)
    expect(error).toMatchObject({ code: '23503' })
    expect(deletedTenantOf(error)).toBe(tenant)
  })

  it.each([
    ['application', 'TD001'],
    ['organization', 'TD002'],
    [undefined, '23505'],
  ])('that is marked as deleted is one of an %s, by the state %s', async (tenant, state) => {
    const error = await failureOf(`do $$ begin raise exception using errcode = '${state}'; end $$`)
    expect(deletedTenantOf(error)).toBe(tenant)
    expect(deletedTenantOf(Object.assign(new Error('Of another source.'), { code: state }))).toBeUndefined()
  })

  it('is recognized in every language of the database', () => {
    const error = new pg.DatabaseError('Ein Fremdschlüssel ist verletzt.', 1, 'error')
    const detail = 'Schlüssel (application_id)=(1) ist nicht in Tabelle »applications« vorhanden.'
    expect(deletedTenantOf(Object.assign(error, { code: '23503', table: 'toys', detail }))).toBe('application')
  })

  it('is not the row of a tenant that others still refer to', async () => {
    const id = '00000000-0000-4000-8000-000000000001'
    for (const statement of [
      'alter table applications drop constraint applications_organization_id_fkey',
      'alter table applications add foreign key (organization_id) references organizations (id)',
      `insert into organizations (id, name, slug) values ('${id}', 'One', 'one')`,
      `insert into applications (id, organization_id, name) values (gen_random_uuid(), '${id}', 'One')`,
    ])
      await sql.raw(statement).execute(database.db)
    const error = await failureOf('delete from organizations')
    expect(error).toMatchObject({ code: '23503', table: 'applications' })
    expect(deletedTenantOf(error)).toBeUndefined()
  })
})
