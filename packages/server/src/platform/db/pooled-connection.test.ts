import { AbortedTransactionError, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../testing/test-database.ts'
import { createLog } from '../log/log.ts'
import { openDatabase, type Database, type Tx } from './database.ts'
import { asLast } from './pooled-connection.ts'

let testDatabase: TestDatabase
let database: Database
beforeAll(async () => {
  testDatabase = await cloneDatabase()
  database = openDatabase(testDatabase.address, { connectionsMax: 2, log: createLog('silent') })
  await sql`create table kept (n int primary key, late int unique deferrable initially deferred)`.execute(database.db)
})
afterAll(async () => {
  await database.close()
  await testDatabase.drop()
})

const insert = (n: number, late = n) => sql`insert into kept values (${n}, ${late})`
const kept = async () =>
  (await sql<{ n: number }>`select n from kept order by n`.execute(database.db)).rows.map(({ n }) => n)
const inTransaction = <T>(work: (tx: Tx) => Promise<T>) => database.db.transaction().execute(work)
const insertLast = (tx: Tx, n: number, late = n) => tx.executeQuery(asLast(insert(n, late).compile(tx)))

describe('a transaction', () => {
  it('commits all of its statements, or none', async () => {
    await inTransaction(async (tx) => {
      await insert(1).execute(tx)
      await insert(2).execute(tx)
    })
    const failing = inTransaction(async (tx) => {
      await insert(3).execute(tx)
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    expect(await kept()).toEqual([1, 2])
  })

  it('sends independent statements together, and rolls all back if one fails', async () => {
    const failing = inTransaction((tx) =>
      Promise.all([insert(4).execute(tx), insert(1).execute(tx), insert(5).execute(tx)]),
    )
    await expect(failing).rejects.toThrow('kept_pkey')
    expect(await kept()).toEqual([1, 2])
  })

  it('is rolled back, and throws, when the work hides a failed statement', async () => {
    const hiding = inTransaction(async (tx) => {
      await insert(6).execute(tx)
      await insert(1)
        .execute(tx)
        .catch(() => undefined)
    })
    await expect(hiding).rejects.toThrow(AbortedTransactionError)
    expect(await kept()).toEqual([1, 2])
  })

  it('has the isolation level that was requested', async () => {
    const level = await database.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(async (tx) => {
        const { rows } = await sql`
            select current_setting('transaction_isolation') as isolation,
              current_setting('transaction_read_only') as is_read_only`.execute(tx)
        return rows
      })
    expect(level).toEqual([{ isolation: 'repeatable read', is_read_only: 'on' }])
  })
})

describe('the last statement of a transaction', () => {
  it('commits it, together with the earlier statements', async () => {
    await inTransaction(async (tx) => {
      await insert(10).execute(tx)
      await insertLast(tx, 11)
      // The answer to the statement can arrive before the commit that follows it is visible to others.
      await vi.waitFor(async () => expect(await kept()).toEqual([1, 2, 10, 11]), { timeout: 15_000 })
    })
    expect(await kept()).toEqual([1, 2, 10, 11])
  })

  it('rolls everything back if it fails, or if the commit itself fails', async () => {
    await expect(inTransaction(async (tx) => (await insert(12).execute(tx), insertLast(tx, 1)))).rejects.toThrow(
      'kept_pkey',
    )
    await expect(inTransaction(async (tx) => (await insert(13).execute(tx), insertLast(tx, 14, 1)))).rejects.toThrow(
      'kept_late_key',
    )
    expect(await kept()).toEqual([1, 2, 10, 11])
  })

  it('allows no further statement, which would be outside of the transaction', async () => {
    const talkative = inTransaction(async (tx) => {
      await insertLast(tx, 15)
      await insert(16).execute(tx)
    })
    await expect(talkative).rejects.toThrow('no statement may follow')
    expect(await kept()).toEqual([1, 2, 10, 11, 15])
  })

  it('leaves the connection clean, after success and after failure', async () => {
    for (let round = 0; round < 6; round += 1) await inTransaction((tx) => insertLast(tx, 1)).catch(() => undefined)
    await Promise.all([20, 21, 22, 23].map((n) => inTransaction((tx) => insertLast(tx, n))))
    expect(await kept()).toEqual([1, 2, 10, 11, 15, 20, 21, 22, 23])
    const { rows } = await sql<{
      open: number
    }>`
      select count(*) as open from pg_stat_activity
      where datname = current_database() and state like 'idle in transaction%'`.execute(database.db)
    expect(rows).toEqual([{ open: 0 }])
  })
})

describe('a connection that breaks', () => {
  it('fails the statements that were sent over it, and is replaced', async () => {
    const broken = inTransaction(async (tx) => {
      await insert(30).execute(tx)
      await sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx)
    })
    await expect(broken).rejects.toThrow()
    expect(await kept()).not.toContain(30)
    await inTransaction((tx) => insert(31).execute(tx))
    expect(await kept()).toContain(31)
  })
})
