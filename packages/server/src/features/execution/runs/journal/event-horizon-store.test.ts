import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Db } from '../../../../platform/db/database.ts'
import { appendEvent, appendLogs, insertRun, type InsertedRun } from '../../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { findHorizons } from './event-horizon-store.ts'
import { loadApplicationEvents } from './journal-read-store.ts'

describe('the horizon of an application', () => {
  let world: World
  let db: Db
  beforeAll(async () => {
    world = await openWorld()
    db = world.platform.db
  })
  afterAll(() => world.close())

  const newRun = async (): Promise<InsertedRun> => insertRun(world.platform, await world.tenant())
  const horizonOf = async ({ applicationId }: InsertedRun) => {
    const horizon = (await findHorizons(db, [applicationId])).get(applicationId)
    if (horizon === undefined) throw new Error('There is no horizon.')
    return horizon
  }
  const positionsOf = async (run: InsertedRun) => {
    const page = await loadApplicationEvents(db, run, { after: 0, upTo: Number.MAX_SAFE_INTEGER })
    return page.rows.map(({ position }) => position)
  }

  it('is the last position while nobody writes', async () => {
    const run = await newRun()
    await appendLogs(world.platform, run, 3)
    const { upTo, last } = await horizonOf(run)
    expect(upTo).toBe(last)
    expect((await positionsOf(run)).at(-1)).toBeLessThanOrEqual(upTo)
  })

  it('stays before the events of a transaction that is open, however many follow', async () => {
    const [slow, fast] = [await newRun(), await newRun()]
    const sameApplication = await insertRun(world.platform, fast)
    await appendLogs(world.platform, fast, 1)
    const [before = 0] = await positionsOf(fast)
    await db.transaction().execute(async (tx) => {
      await appendEvent({ db: tx }, sameApplication, { message: 'not committed' })
      await appendLogs(world.platform, fast, 20)
      const { upTo, last } = await horizonOf(fast)
      expect(upTo).toBeGreaterThanOrEqual(before)
      expect(upTo).toBeLessThan(last - 19)
      // Of another application.
      const other = await horizonOf(slow)
      expect(other.upTo).toBe(other.last)
    })
    const { upTo, last } = await horizonOf(fast)
    expect(upTo).toBe(last)
    expect(await positionsOf(fast)).toHaveLength(22)
  })

  it('does not wait for a long transaction that inserts no event of the application', async () => {
    const [run, stranger] = [await newRun(), await newRun()]
    await db.transaction().execute(async (tx) => {
      await tx.updateTable('organizations').set({ name: 'Slow' }).where('id', '=', run.organizationId).execute()
      await sql`select pg_advisory_xact_lock(1, 1)`.execute(tx)
      await appendEvent({ db: tx }, stranger, { message: 'not committed' })
      await appendLogs(world.platform, run, 2)
      const { upTo } = await horizonOf(run)
      expect((await positionsOf(run)).at(-1)).toBeLessThanOrEqual(upTo)
    })
  })

  it('is right when the position has more than 31 bits', async () => {
    const run = await newRun()
    await sql`select setval('run_events_position_seq', ${2 ** 40 - 2})`.execute(db)
    const sibling = await insertRun(world.platform, run)
    await db.transaction().execute(async (tx) => {
      await appendEvent({ db: tx }, sibling, { message: 'not committed' })
      await appendLogs(world.platform, run, 9)
      expect(await horizonOf(run)).toEqual({ upTo: 2 ** 40 - 2, last: 2 ** 40 + 8 })
    })
  })

  it('loses no event while many transactions of one application commit in any order', async () => {
    const first = await newRun()
    const runs = [first, ...(await Promise.all([1, 2, 3, 4, 5].map(() => insertRun(world.platform, first))))]
    const seen: number[] = []
    let after = 0
    const readOn = async () => {
      const { upTo } = await horizonOf(first)
      const { rows } = await loadApplicationEvents(db, first, { after, upTo })
      seen.push(...rows.map(({ position }) => position))
      after = seen.at(-1) ?? after
    }
    const write = async (run: InsertedRun) => {
      for (let written = 0; written < 20; written += 1) {
        await db.transaction().execute(async (tx) => {
          await appendEvent({ db: tx }, run, { message: 'm' })
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
        })
      }
    }
    let isWriting = true
    const writers = Promise.all(runs.map(write)).finally(() => (isWriting = false))
    while (isWriting) await readOn()
    await writers
    await readOn()
    expect(seen).toEqual(await positionsOf(first))
    expect(seen).toHaveLength(120)
  })
})
