import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid } from '../ids/id.ts'
import { cloneDatabase, type TestDatabase } from '../../testing/test-database.ts'
import { createLog } from '../log/log.ts'
import { openDatabase, type Database } from './database.ts'

const connectionsMax = 4
const [flood, calm] = [newUuid(), newUuid()]

let testDatabase: TestDatabase
let database: Database
beforeAll(async () => {
  testDatabase = await cloneDatabase()
  database = openDatabase(testDatabase.address, { connectionsMax, log: createLog('silent') })
})
afterAll(async () => {
  await database.close()
  await testDatabase.drop()
})

/** Statements that end when the test says so: they wait for a lock that the test holds. */
async function slowReads(owner: string, count: number, lockId: number) {
  const holder = await database.background.pool.connect()
  await holder.query('select pg_advisory_lock($1)', [lockId])
  const reads = Array.from({ length: count }, () =>
    database
      .dbOf(owner)
      .transaction()
      .execute((tx) =>
        sql`
      select set_config('lock_timeout', '0', true), pg_advisory_xact_lock_shared(${lockId})`.execute(tx),
      ),
  )
  return {
    async end() {
      await holder.query('select pg_advisory_unlock($1)', [lockId])
      holder.release()
      await Promise.all(reads)
    },
  }
}

const executing = async () => {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(database.background.db)
  return rows[0]?.count
}
const read = (owner: string) => sql`select 1`.execute(database.dbOf(owner))

describe('the connections of requests', () => {
  it('are not all used by one organization while others use the pool too', async () => {
    await read(calm)
    await read(flood)
    const slow = await slowReads(flood, 40, 1)
    await expect.poll(executing).toBe(connectionsMax - 1)
    // With all connections in use, these would wait until the slow reads end.
    for (let i = 0; i < 20; i += 1) await read(calm)
    expect(await executing()).toBe(connectionsMax - 1)
    await slow.end()
  })

  it('can all be used by an organization that is the only one', async () => {
    const alone = openDatabase(testDatabase.address, { connectionsMax, log: createLog('silent') })
    const pids = new Set<number>()
    await Promise.all(
      Array.from({ length: connectionsMax }, () =>
        alone
          .dbOf(flood)
          .transaction()
          .execute(async (tx) => {
            const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid, pg_sleep(0.2)`.execute(tx)
            for (const { pid } of rows) pids.add(pid)
          }),
      ),
    )
    expect(pids.size).toBe(connectionsMax)
    await alone.close()
  })

  it('are given to the organization with the fewest, however many statements of another wait', async () => {
    const order: string[] = []
    const note = (owner: string) => async () =>
      void (await sql`select pg_sleep(0.01)`.execute(database.dbOf(owner)).then(() => order.push(owner)))
    await Promise.all([
      ...Array.from({ length: 60 }, () => note(flood)()),
      ...Array.from({ length: 5 }, () => note(calm)()),
    ])
    // In the order of the requests, these five would be the last of 65.
    expect(order.slice(0, 40).filter((owner) => owner === calm)).toHaveLength(5)
  })

  it('do not run out when every transaction needs a second one', async () => {
    const nested = Array.from({ length: connectionsMax * 5 }, (_, i) =>
      database
        .dbOf(flood)
        .transaction()
        .execute(async (tx) => {
          await sql`select pg_sleep(0.02)`.execute(tx)
          const { rows } = await sql<{ i: number }>`select ${i}::int as i`.execute(database.db)
          return rows[0]?.i
        }),
    )
    expect(await Promise.all(nested)).toEqual(nested.map((_, i) => i))
  })

  it('are missed for at most as long as a request may wait, and then the failure is one of the database', async () => {
    const impatient = openDatabase(testDatabase.address, {
      connectionsMax: 1,
      connectionWaitMs: 200,
      log: createLog('silent'),
    })
    const holding = impatient.db.transaction().execute((tx) => sql`select pg_sleep(1)`.execute(tx))
    await expect(sql`select 1`.execute(impatient.dbOf(calm))).rejects.toThrow('wait for a connection')
    await holding
    await impatient.close()
  })
})
