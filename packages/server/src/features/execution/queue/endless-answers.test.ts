import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { portOf } from '../../../platform/http/port-of.ts'
import { eventually, openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'

const deadlineMs = 30_000

describe('runs whose models answer a word at a time, without end', { timeout: 3 * deadlineMs }, () => {
  let endless: Server
  beforeAll(async () => {
    endless = createServer((_request, reply) => {
      reply.writeHead(200, { 'content-type': 'text/event-stream' })
      const chunk = { choices: [{ index: 0, delta: { content: 'and ' }, finish_reason: null }] }
      const timer = setInterval(() => reply.write(`data: ${JSON.stringify(chunk)}\n\n`), 100)
      reply.on('close', () => clearInterval(timer))
    })
    endless.listen(0, '127.0.0.1')
    await once(endless, 'listening')
  })
  afterAll(() => {
    endless.closeAllConnections()
    endless.close()
  })

  const talking = (world: RunWorld) =>
    world.actor('hello', { timeoutSeconds: 600 }, { url: `http://127.0.0.1:${portOf(endless.address())}` })
  const start = async (actor: Actor, count: number) => {
    const ids: string[] = []
    for (let index = 0; index < count; index += 1) ids.push(String((await actor.start()).body.id))
    return ids
  }
  const withSlots = async (slots: number, seconds: number, check: (world: RunWorld) => Promise<void>) => {
    const environment = { RUNS_CONCURRENT: String(slots), RUN_SLOT_SECONDS: String(seconds) }
    const world = await openRunWorld({ environment })
    try {
      await check(world)
    } finally {
      await world.close()
    }
  }

  it('of two organizations leave a slot to a third one', () =>
    withSlots(5, 3_600, async (world) => {
      const busy = [await talking(world), await talking(world)]
      for (const actor of busy) await start(actor, 6)
      await eventually(async () => (world.activeRuns() >= 4 ? true : undefined), deadlineMs)
      const calm = await world.actor('hello')
      for (let count = 0; count < 3; count += 1) expect((await calm.runToEnd()).body.status).toBe('success')
      expect(world.activeRuns()).toBe(4)
    }))

  it('give up their slots after a while when an organization has none, and continue later', () =>
    withSlots(2, 1, async (world) => {
      const busy = [await talking(world), await talking(world)]
      const ids = await Promise.all(busy.map((actor) => start(actor, 1)))
      await eventually(async () => (world.activeRuns() === 2 ? true : undefined), deadlineMs)
      const calm = await world.actor('hello')
      expect((await calm.runToEnd()).body.status).toBe('success')
      const eventsOf = async () => {
        const logs = await Promise.all(busy.map((actor, index) => actor.logs(ids[index]?.[0] ?? '')))
        return logs.flat().map(({ event }) => event)
      }
      const events = await eventually(async () => {
        const found = await eventsOf()
        return found.includes('run_resumed') ? found : undefined
      }, deadlineMs)
      expect(events.filter((event) => event === 'run_released')).toHaveLength(1)
    }))
})
