import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { appendEvent, appendLogs, insertRun, type InsertedRun } from '../../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { loadAgentEvents, loadApplicationEvents, loadRunEvents } from './journal-read-store.ts'

const beginning = { transaction: 0, position: 0 }

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const newRun = async (): Promise<InsertedRun> => insertRun(world.platform, await world.tenant())

it('orders events by the number of their transaction, not by its digits', async () => {
  const run = await newRun()
  await appendLogs(world.platform, run, 4)
  for (const [seq, xid] of [9, 10, 99, 100].entries()) {
    await sql`
      update run_events set transaction = ${String(xid)}::xid8
      where run_id = ${run.id} and seq = ${seq + 1}`.execute(world.platform.db)
  }
  for (const page of [
    await loadApplicationEvents(world.platform.db, run, { after: beginning }),
    await loadAgentEvents(world.platform.db, run, { agentId: run.agent.id, after: beginning }),
  ]) {
    expect(page.rows.map(({ seq, xid }) => [seq, xid])).toEqual([
      [1, '9'],
      [2, '10'],
      [3, '99'],
      [4, '100'],
    ])
  }
  const rest = await loadApplicationEvents(world.platform.db, run, { after: { transaction: 10, position: 0 } })
  expect(rest.rows.map(({ seq }) => seq)).toEqual([2, 3, 4])
})

it('reads pages of 500 events', async () => {
  const run = await newRun()
  await appendLogs(world.platform, run, 501)
  const first = await loadRunEvents(world.platform.db, run, { runId: run.id, after: beginning })
  expect([first.rows.length, first.rows.at(-1)?.seq, first.more, first.held]).toEqual([500, 500, true, false])
  const second = await loadRunEvents(world.platform.db, run, {
    runId: run.id,
    after: { transaction: 0, position: 500 },
  })
  expect([second.rows.map(({ seq }) => seq), second.more]).toEqual([[501], false])
})

it('ends a page early when its events are large, and always makes progress', async () => {
  const run = await newRun()
  // Random text, which the database cannot compress.
  const large = () => Array.from({ length: 50_000 }, () => Math.random().toString(36).slice(2, 14)).join('')
  for (let made = 0; made < 4; made += 1) await appendEvent(world.platform, run, { data: { large: large() } })
  const seqs: number[][] = []
  let after = beginning
  for (let more = true; more; ) {
    const page = await loadRunEvents(world.platform.db, run, { runId: run.id, after })
    seqs.push(page.rows.map(({ seq }) => seq))
    after = { transaction: 0, position: page.rows.at(-1)?.seq ?? 0 }
    more = page.more
  }
  expect(seqs.flat()).toEqual([1, 2, 3, 4])
  expect(seqs.length).toBeGreaterThan(1)
})

it('withholds events after an open transaction, and reports it', async () => {
  const [open, closed] = [await newRun(), await newRun()]
  await world.platform.db.transaction().execute(async (tx) => {
    await appendEvent({ db: tx }, open, { message: 'not committed' })
    await appendEvent(world.platform, closed, { message: 'committed' })
    const page = await loadApplicationEvents(world.platform.db, closed, { after: beginning })
    expect([page.rows.length, page.held]).toEqual([0, true])
    const ofRun = await loadRunEvents(world.platform.db, closed, { runId: closed.id, after: beginning })
    expect([ofRun.rows.length, ofRun.held]).toEqual([1, false])
  })
})

it('reads nothing of another application, for any id', async () => {
  const [run, stranger] = [await newRun(), await newRun()]
  await appendLogs(world.platform, run, 2)
  expect((await loadRunEvents(world.platform.db, stranger, { runId: run.id, after: beginning })).rows).toEqual([])
  expect(
    (await loadAgentEvents(world.platform.db, stranger, { agentId: run.agent.id, after: beginning })).rows,
  ).toEqual([])
})
