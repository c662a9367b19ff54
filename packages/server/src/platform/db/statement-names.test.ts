import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../testing/test-database.ts'
import { createLog } from '../log/log.ts'
import { openDatabase, type Database } from './database.ts'
import { nameOf, preparedMax } from './statement-names.ts'

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

const ask = async <R>(text: string, ...values: unknown[]) =>
  (await database.db.executeQuery<R>(CompiledQuery.raw(text, values))).rows
const prepared = () =>
  ask<{ name: string; statement: string }>('select name, statement from pg_prepared_statements order by name')

describe('named statements', () => {
  it('are prepared once for a text with parameters that comes again, and use the values of each call', async () => {
    const text = 'select $1::int as value'
    const isPrepared = async () => (await prepared()).filter(({ statement }) => statement === text).length
    expect([await ask(text, 1), await isPrepared()]).toEqual([[{ value: 1 }], 0])
    expect([await ask(text, 2), await ask(text, 3)]).toEqual([[{ value: 2 }], [{ value: 3 }]])
    expect(await isPrepared()).toBe(1)
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
        for (const connection of [one, other, one]) await connection.executeQuery(read)
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

  it('are not used for texts that come once', async () => {
    const before = (await prepared()).length
    for (let index = 0; index < 50; index += 1) await ask(`select $1::int as "once ${index}"`, index)
    expect((await prepared()).length).toBe(before)
  })

  it('are limited in number: the text that was used least recently loses its name', () => {
    const use = (text: string) => nameOf(text, 'all')
    const [first, kept, ...others] = Array.from({ length: 2_000 }, (_, index) => `select $1 as limited_${index}`)
    if (first === undefined || kept === undefined) throw new Error('There are no texts.')
    for (const text of [first, kept, ...others]) {
      use(text)
      use(text)
      use(kept)
    }
    expect([use(first), use(kept), use(others.at(-1) ?? '')]).toEqual([
      undefined,
      expect.any(String),
      expect.any(String),
    ])
    const again = use(first)
    expect([again, use(first)]).toEqual([expect.any(String), again])
  })

  it('are limited in number on a connection, which is replaced beyond the limit, without errors', async () => {
    const counts: number[] = []
    for (let index = 1; index <= preparedMax * 1.5; index += 1) {
      const text = `select $1::int as "column ${index}"`
      expect([await ask(text, index), await ask(text, -index)]).toEqual([
        [{ [`column ${index}`]: index }],
        [{ [`column ${index}`]: -index }],
      ])
      if (index % 100 === 0) counts.push((await prepared()).length)
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(preparedMax + 1)
    expect(counts.at(-1)).toBeLessThan(preparedMax)
  })
})
