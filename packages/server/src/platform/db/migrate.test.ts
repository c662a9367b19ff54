import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { databaseUrl } from '../../testing/test-database.ts'
import { createLog } from '../log/log.ts'
import { openDatabase, type Database } from './database.ts'
import { migrate, MigrationMismatch } from './migrate.ts'

const log = createLog('silent')
let admin: pg.Client
let name: string
let database: Database
let directory: string

beforeAll(async () => {
  admin = new pg.Client({ connectionString: inject('adminDatabaseUrl') })
  await admin.connect()
})
afterAll(() => admin.end())
beforeEach(async () => {
  name = `test_${randomBytes(8).toString('hex')}`
  await admin.query(`create database ${name}`)
  database = open()
  directory = await mkdtemp(join(tmpdir(), 'appstrate-migrations-'))
})
afterEach(async () => {
  await database.close()
  await admin.query(`drop database ${name} with (force)`)
  await rm(directory, { recursive: true })
})

const open = () =>
  openDatabase({ connectionString: databaseUrl(inject('adminDatabaseUrl'), name) }, { connectionsMax: 2, log })
const write = (file: string, sql: string) => writeFile(join(directory, file), sql)
const run = (on = database) => migrate(on.pool, pathToFileURL(`${directory}/`))
const rows = async (sql: string) => (await database.pool.query(sql)).rows

describe('migrate', () => {
  it('applies the migrations of the server to an empty database, and none of them twice', async () => {
    expect((await migrate(database.pool)).length).toBeGreaterThanOrEqual(4)
    expect(await migrate(database.pool)).toEqual([])
    expect(await rows('select count(*)::int as runs from runs')).toEqual([{ runs: 0 }])
  })

  it('applies files in the order of their numbers, and only new ones', async () => {
    await write('0002_b.sql', 'alter table a add column b int;')
    await write('0001_a.sql', 'create table a (x int);')
    await write('notes.txt', 'not a migration')
    await write('0003-wrong.sql', 'nor this')
    expect(await run()).toEqual(['0001_a.sql', '0002_b.sql'])
    await write('0003_c.sql', 'insert into a values (1, 2);')
    expect(await run()).toEqual(['0003_c.sql'])
    expect(await rows('select * from a')).toEqual([{ x: 1, b: 2 }])
  })

  it('applies each file once when several processes start at the same time', async () => {
    await write('0001_a.sql', 'create table a (x int); select pg_sleep(0.2); insert into a values (1);')
    await write('0002_b.sql', 'insert into a values (2);')
    const others = [open(), open(), open()]
    const applied = await Promise.all([run(), ...others.map((other) => run(other))])
    await Promise.all(others.map((other) => other.close()))
    expect(applied.flat()).toEqual(['0001_a.sql', '0002_b.sql'])
    expect(await rows('select x from a order by x')).toEqual([{ x: 1 }, { x: 2 }])
  })

  it('rolls back a failing file, names it, keeps earlier ones, and continues when it is fixed', async () => {
    await write('0001_a.sql', 'create table a (x int);')
    await write('0002_bad.sql', 'insert into a values (1); create table b (x int); insert into nowhere values (1);')
    await expect(run()).rejects.toThrow(/^Migration 0002_bad\.sql failed: relation "nowhere" does not exist/)
    expect(await rows('select x from a')).toEqual([])
    expect(await rows(`select to_regclass('b') as b`)).toEqual([{ b: null }])
    await write('0002_bad.sql', 'insert into a values (1);')
    expect(await run()).toEqual(['0002_bad.sql'])
    expect(await rows('select x from a')).toEqual([{ x: 1 }])
  })

  it('refuses a file that was changed after it was applied', async () => {
    await write('0001_a.sql', 'create table a (x int);')
    await run()
    await write('0001_a.sql', 'create table a (x bigint);')
    await expect(run()).rejects.toThrow(MigrationMismatch)
    await expect(run()).rejects.toThrow('0001_a.sql was changed')
  })

  it('refuses a database that a newer version has migrated, without changing it', async () => {
    await write('0001_a.sql', 'create table a (x int);')
    await write('0002_later.sql', 'create table later (x int);')
    await run()
    await rm(join(directory, '0002_later.sql'))
    await write('0003_other.sql', 'drop table a;')
    await expect(run()).rejects.toThrow(/0002_later\.sql.*run a newer version/)
    expect(await rows('select x from a')).toEqual([])
  })

  it('builds an index while another node waits to migrate, in a file without a transaction', async () => {
    await write('0001_a.sql', 'create table a (x int);')
    await write(
      '0002_index.sql',
      '-- without transaction\ndrop index concurrently if exists a_x;\ncreate index concurrently a_x on a (x);\n',
    )
    const other = open()
    const applied = await Promise.all([run(), run(other)])
    await other.close()
    expect(applied.flat()).toEqual(['0001_a.sql', '0002_index.sql'])
    expect(await rows(`select indisvalid from pg_index where indexrelid = 'a_x'::regclass`)).toEqual([
      { indisvalid: true },
    ])
  })

  it('lets other statements pass while it waits for the lock of a table', async () => {
    await write('0001_a.sql', 'create table a (x int);')
    await run()
    await write('0002_column.sql', 'alter table a add column y int;')
    const reader = await database.pool.connect()
    await reader.query('begin')
    await reader.query('select x from a')
    const migrating = run()
    const waits = `select 1 from pg_locks where relation = 'a'::regclass and not granted`
    await expect.poll(() => rows(waits), { timeout: 15_000 }).toHaveLength(1)
    // This reader queues behind the migration, which waits for the first reader: that one is still in its transaction.
    expect((await database.background.pool.query('select x from a')).rows).toEqual([])
    await reader.query('commit')
    reader.release()
    expect(await migrating).toEqual(['0002_column.sql'])
  })

  it('is not aborted by the statement timeout of requests, and leaves that timeout and no lock behind', async () => {
    const hasty = openDatabase(
      { connectionString: `${databaseUrl(inject('adminDatabaseUrl'), name)}` },
      { connectionsMax: 1, log },
    )
    hasty.pool.options.statement_timeout = 50
    await write('0001_slow.sql', 'select pg_sleep(0.2);')
    expect(await run(hasty)).toEqual(['0001_slow.sql'])
    await expect(hasty.pool.query('select pg_sleep(0.2)')).rejects.toThrow('statement timeout')
    expect(
      await rows(
        `select 1 from pg_locks
         where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
      ),
    ).toEqual([])
    await hasty.close()
  })
})
