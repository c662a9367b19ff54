import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { appendEvent, appendLogs, insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { pollTails } from './poll-tails.ts'
import type { Source } from './source.ts'
import { Tail } from './tail.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

it('reads once for all agents and applications, and wakes only the tails with new events', async () => {
  const { db } = world.platform
  const run = await insertRun(world.platform, await world.tenant())
  await appendLogs(world.platform, run, 3)
  const { rows } = await sql<{ last: number }>`select max(position) as last from run_events`.execute(db)
  const end = rows[0]?.last ?? 0
  const woken: string[] = []
  const tailOf = (source: Source, position: number) => {
    const tail = new Tail({
      source,
      position,
      read: () => Promise.reject(new Error('A tail without subscribers reads nothing.')),
      failed: () => undefined,
    })
    Object.assign(tail, { wake: () => woken.push(`${source.kind} at ${position - end}`) })
    return tail
  }
  const { organizationId, applicationId } = run
  const tails = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const quiet = await insertRun(world.platform, await world.tenant())
      return tailOf({ kind: 'agent', agentId: quiet.agent.id, ...quiet }, end)
    }),
  )
  tails.push(
    tailOf({ kind: 'agent', agentId: run.agent.id, organizationId, applicationId }, end - 1),
    tailOf({ kind: 'application', organizationId, applicationId }, end),
  )
  let reads = 0
  const reader = {
    read: <T>(work: (on: typeof db) => Promise<T>) => {
      reads += 1
      return work(db)
    },
  }
  await pollTails(reader, tails)
  expect([reads, woken]).toEqual([1, ['agent at -1']])
  await appendEvent({ db }, run, { message: 'new' })
  await pollTails(reader, tails)
  expect([reads, woken]).toEqual([2, ['agent at -1', 'agent at -1', 'application at 0']])
})
