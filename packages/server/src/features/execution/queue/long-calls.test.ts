import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { plainSeal } from '../../accounts/end-users/index.ts'
import { appendEvents, modelAnswer, runReleased, runResumed, sealEntries, type LogEntry } from '../runs/index.ts'
import type { Held } from './long-calls.ts'
import { runsToStop } from './long-calls.ts'

const slotMs = 1_000

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

/** A run that has had its slot and called its model for so long. */
const held = (organizationId: string, calledMs: number, isAborted = false): Held => ({
  organizationId,
  turn: {
    signal: isAborted ? AbortSignal.abort() : new AbortController().signal,
    heldMs: () => calledMs,
    calledMs: () => calledMs,
    waitedMs: () => 0,
    remainingMs: () => 0,
    atBoundary: () => undefined,
    waits: () => undefined,
    calls: () => undefined,
    works: () => undefined,
    stop: () => undefined,
    end: () => undefined,
  },
})

it('stops the longest calls of those that have most, and never short ones', async () => {
  const { db } = world.platform
  const tenant = await world.tenant()
  const ids: string[] = []
  for (let count = 0; count < 5; count += 1) ids.push((await insertRun(world.platform, tenant)).id)
  const [longer = '', long = '', short = '', stopped = '', single = ''] = ids
  const active = new Map([
    [long, held('many', 6_000)],
    [longer, held('many', 7_000)],
    [short, held('many', 4_000)],
    [stopped, held('many', 9_000, true)],
    [single, held('few', 60_000)],
  ])
  const about = { active, held: new Map(Object.entries({ many: 4, few: 1 })), slotMs }
  expect(await runsToStop(db, { ...about, count: 0 })).toEqual([])
  expect(await runsToStop(db, { ...about, count: 1 })).toEqual([longer])
  expect(await runsToStop(db, { ...about, count: 9 })).toEqual([longer, long, single])
})

it('gives a run twice the time of its longest turn without progress', async () => {
  const { db } = world.platform
  const tenant = await world.tenant()
  const { id } = await insertRun(world.platform, tenant)
  let ageS = 100_000
  const append = async (entry: LogEntry, afterS: number) => {
    ageS -= afterS
    await db.transaction().execute((tx) => appendEvents(tx, { id }, sealEntries(plainSeal, [entry])))
    await sql`update run_events set created_at = now() - ${ageS} * interval '1 s'
      where run_id = ${id} and seq = (select max(seq) from run_events where run_id = ${id})`.execute(db)
  }
  const isStoppedAfter = async (calledMs: number) => {
    const active = new Map([[id, held('one', calledMs)]])
    return (await runsToStop(db, { active, held: new Map(), slotMs, count: 1 })).length === 1
  }
  await append(runResumed(2), 1)
  await append(runReleased('handover'), 8)
  await append(runResumed(3), 500)
  await append(runReleased('handover'), 1)
  await append(runResumed(4), 1)
  expect([await isStoppedAfter(15_000), await isStoppedAfter(17_000)]).toEqual([false, true])
  const usage = { inputTokens: 1, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }
  const call = {
    startedAt: new Date().toISOString(),
    durationMs: 0,
    firstTokenMs: null,
    modelId: 'm',
    contextTokens: 1,
  }
  const answer = { text: 'A step.', toolCalls: [], usage, finishReason: 'stop' } as const
  await append(modelAnswer(answer, { step: 1, cost: '0', call }), 10)
  expect(await isStoppedAfter(6_000)).toBe(true)
  await append(runReleased('handover'), 20)
  await append(runResumed(5), 1)
  expect([await isStoppedAfter(39_000), await isStoppedAfter(41_000)]).toEqual([false, true])
})
