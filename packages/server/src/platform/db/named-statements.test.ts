import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../testing/test-database.ts'
import { createLog } from '../log/log.ts'
import { openDatabase, type Database } from './database.ts'

let testDatabase: TestDatabase
let database: Database
beforeAll(async () => {
  testDatabase = await cloneDatabase()
  database = openDatabase(testDatabase.address, { connectionsMax: 1, log: createLog('silent') })
})
afterAll(async () => {
  await database.close()
  await testDatabase.drop()
})

const prepared = async () => (await database.pool.query<{ name: string; statement: string }>('select name, statement from pg_prepared_statements order by name')).rows
const ask = (value: number) => database.pool.query<{ value: number }>('select $1::int as value', [value])

describe('named statements', () => {
  it('are prepared once for a text with parameters, and answer with each call\'s own values', async () => {
    expect([(await ask(1)).rows, (await ask(2)).rows]).toEqual([[{ value: 1 }], [{ value: 2 }]])
    expect((await prepared()).filter(({ statement }) => statement === 'select $1::int as value')).toHaveLength(1)
  })

  it('are not made of texts without parameters', async () => {
    await database.pool.query('select 7 as seven')
    expect((await prepared()).some(({ statement }) => statement.includes('seven'))).toBe(false)
  })

  it('serve the queries of Kysely', async () => {
    const find = () => database.db.selectFrom('users').select('id').where('email', '=', 'nobody@example.com').execute()
    expect([await find(), await find()]).toEqual([[], []])
    expect((await prepared()).filter(({ statement }) => statement.includes('"email" = $1'))).toHaveLength(1)
  })

  it('fail at most once after a newer node has changed a table: every connection prepares them anew', async () => {
    const wide = openDatabase(testDatabase.address, { connectionsMax: 3, log: createLog('silent') })
    await wide.pool.query('create table shape (a int)')
    const clients = [await wide.pool.connect(), await wide.pool.connect()]
    const read = (client: (typeof clients)[number]) => client.query('select * from shape where $1::int = 1', [1])
    for (const client of clients) await read(client)
    await wide.pool.query('alter table shape add column b int')
    const results = []
    for (const client of [...clients, ...clients]) results.push(await read(client).then(({ fields }) => fields.length, (error: Error) => error.message))
    expect(results).toEqual(['cached plan must not change result type', 2, 2, 2])
    for (const client of clients) client.release()
    await wide.close()
  })

  it('are bounded: a flood of texts is answered without keeping them all', async () => {
    for (let index = 0; index < 600; index++) await database.pool.query(`select $1::int as "column ${index}"`, [index])
    expect((await prepared()).length).toBeLessThanOrEqual(501)
  })
})
