import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../testing/test-database.ts'
import { createLog } from '../log/log.ts'
import { openDatabase, type Database } from './database.ts'
import { forgetAfterSchemaChange } from './statement-names.ts'

let testDatabase: TestDatabase
let database: Database
beforeAll(async () => {
  // Other test files of this process have used up names: start without any.
  forgetAfterSchemaChange(Object.assign(new Error('cached plan must not change result type'), { code: '0A000' }))
  testDatabase = await cloneDatabase()
  database = openDatabase(testDatabase.address, { connectionsMax: 1, log: createLog('silent') })
})
afterAll(async () => {
  await database.close()
  await testDatabase.drop()
})

const ask = async <R>(text: string, ...values: unknown[]) =>
  (await database.db.executeQuery<R>(CompiledQuery.raw(text, values))).rows
const prepared = () =>
  ask<{ name: string; statement: string }>('select name, statement from pg_prepared_statements order by name')

describe('named statements', () => {
  it('are prepared once for a text with parameters, and use the values of each call', async () => {
    const text = 'select $1::int as value'
    expect([await ask(text, 1), await ask(text, 2)]).toEqual([[{ value: 1 }], [{ value: 2 }]])
    expect((await prepared()).filter(({ statement }) => statement === text)).toHaveLength(1)
  })

  it('are not used for texts without parameters', async () => {
    await ask('select 7 as seven')
    expect((await prepared()).some(({ statement }) => statement.includes('seven'))).toBe(false)
  })

  it('are used for the queries of Kysely', async () => {
    const find = () => database.db.selectFrom('users').select('id').where('email', '=', 'nobody@example.com').execute()
    expect([await find(), await find()]).toEqual([[], []])
    expect((await prepared()).filter(({ statement }) => statement.includes('"email" = $1'))).toHaveLength(1)
  })

  it('fail at most once after a newer node has changed a table: every connection prepares them again', async () => {
    const wide = openDatabase(testDatabase.address, { connectionsMax: 3, log: createLog('silent') })
    await sql`create table shape (a int)`.execute(wide.db)
    const read = CompiledQuery.raw('select * from shape where $1::int = 1', [1])
    await wide.db.connection().execute(async (one) => {
      await wide.db.connection().execute(async (other) => {
        for (const connection of [one, other]) await connection.executeQuery(read)
        await sql`alter table shape add column b int`.execute(wide.db)
        await sql`insert into shape values (1, 2)`.execute(wide.db)
        const results = []
        for (const connection of [one, other, one, other])
          results.push(
            await connection.executeQuery(read).then(
              ({ rows }) => rows,
              (error: Error) => error.message,
            ),
          )
        expect(results).toEqual([
          'cached plan must not change result type',
          ...Array.from({ length: 3 }, () => [{ a: 1, b: 2 }]),
        ])
      })
    })
    await wide.close()
  })

  it('are limited in number: many texts are executed without keeping all of them', async () => {
    for (let index = 0; index < 600; index++) await ask(`select $1::int as "column ${index}"`, index)
    expect((await prepared()).length).toBeLessThanOrEqual(501)
  })
})
