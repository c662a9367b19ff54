import { sql } from 'kysely'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { eventually, openRunWorld, type Actor } from '../../../testing/factories/run-world.ts'

const organizations = 10
const samples = 40
const deadlineMs = 60_000

/** 1 when all have the same, 1/n when one has everything. */
const jainsIndex = (values: readonly number[]) => {
  const sum = values.reduce((a, b) => a + b, 0)
  return sum ** 2 / (values.length * values.reduce((a, b) => a + b * b, 0))
}

it('gives ten organizations the same, though one has filled the worker before', {
  timeout: 4 * deadlineMs,
}, async () => {
  const world = await openRunWorld({ environment: { RUNS_CONCURRENT: String(organizations), RUN_SLOT_SECONDS: '1' } })
  try {
    const step = {
      delayMs: 150,
      text: '',
      toolCalls: [{ name: 'log', arguments: { level: 'info', message: 'A step.' } }],
    }
    world.models.registerScenario('long', { steps: Array.from({ length: 150 }, () => step) })
    const flood = await world.actor('long')
    const start = (actor: Actor, count: number) => Promise.all(Array.from({ length: count }, () => actor.start()))
    await start(flood, 40)
    await eventually(async () => (world.activeRuns() >= 7 ? true : undefined), deadlineMs)
    const others: Actor[] = []
    for (let index = 1; index < organizations; index += 1) others.push(await world.actor('long'))
    for (const actor of others) await start(actor, 3)
    const held = async () => {
      const { rows } = await sql<{ id: string; count: number }>`
        select organization_id as id, count(*)::int as count from runs
        where status = 'running' and worker_id is not null group by organization_id`.execute(world.platform.db)
      const counts = new Map(rows.map(({ id, count }) => [id, count]))
      return [flood, ...others].map(({ organizationId }) => counts.get(organizationId) ?? 0)
    }
    await eventually(async () => ((await held()).every((count) => count === 1) ? true : undefined), deadlineMs)
    const totals = Array.from({ length: organizations }, () => 0)
    for (let sample = 0; sample < samples; sample += 1) {
      for (const [index, count] of (await held()).entries()) totals[index] = (totals[index] ?? 0) + count
      await sleep(50)
    }
    expect(jainsIndex(totals), String(totals)).toBeGreaterThanOrEqual(0.99)
  } finally {
    await world.close()
  }
})
