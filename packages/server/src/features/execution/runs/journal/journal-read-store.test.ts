import { afterAll, beforeAll, expect, it } from 'vitest'
import { appendEvent, appendLogs, insertRun, type InsertedRun } from '../../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { loadAgentEvents, loadApplicationEvents, loadRunEvents, type Position } from './journal-read-store.ts'

const beginning = 0

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const newRun = async (): Promise<InsertedRun> => insertRun(world.platform, await world.tenant())

it('reads the events of several runs by their position, up to a horizon', async () => {
  const run = await newRun()
  await appendLogs(world.platform, run, 4)
  const all = { after: beginning, upTo: Number.MAX_SAFE_INTEGER }
  const { rows } = await loadApplicationEvents(world.platform.db, run, all)
  expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
  const [first = 0, , third = 0] = rows.map(({ position }) => position)
  const span = { after: first, upTo: third }
  for (const page of [
    await loadApplicationEvents(world.platform.db, run, span),
    await loadAgentEvents(world.platform.db, run, { agentId: run.agent.id, ...span }),
  ])
    expect(page.rows.map(({ seq }) => seq)).toEqual([2, 3])
})

it('reads pages of 500 events', async () => {
  const run = await newRun()
  await appendLogs(world.platform, run, 501)
  const first = await loadRunEvents(world.platform.db, run, { runId: run.id, after: beginning })
  expect([first.rows.length, first.rows.at(-1)?.seq, first.more]).toEqual([500, 500, true])
  const second = await loadRunEvents(world.platform.db, run, {
    runId: run.id,
    after: 500,
  })
  expect([second.rows.map(({ seq }) => seq), second.more]).toEqual([[501], false])
})

it('ends a page early when its events are large, and always makes progress', async () => {
  const run = await newRun()
  // Random text, which the database cannot compress.
  const large = () => Array.from({ length: 50_000 }, () => Math.random().toString(36).slice(2, 14)).join('')
  for (let made = 0; made < 4; made += 1) await appendEvent(world.platform, run, { data: { large: large() } })
  const seqs: number[][] = []
  let after: Position = beginning
  for (let more = true; more; ) {
    const page = await loadRunEvents(world.platform.db, run, { runId: run.id, after })
    seqs.push(page.rows.map(({ seq }) => seq))
    after = page.rows.at(-1)?.seq ?? 0
    more = page.more
  }
  expect(seqs.flat()).toEqual([1, 2, 3, 4])
  expect(seqs.length).toBeGreaterThan(1)
})

it('reads nothing of another application, for any id', async () => {
  const [run, stranger] = [await newRun(), await newRun()]
  await appendLogs(world.platform, run, 2)
  expect((await loadRunEvents(world.platform.db, stranger, { runId: run.id, after: beginning })).rows).toEqual([])
  expect(
    (
      await loadAgentEvents(world.platform.db, stranger, {
        agentId: run.agent.id,
        after: beginning,
        upTo: Number.MAX_SAFE_INTEGER,
      })
    ).rows,
  ).toEqual([])
})
