import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { portOf } from '../../../platform/http/port-of.ts'
import { eventually, openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'

const deadlineMs = 30_000
const stepsCount = 30

describe('the slots of a worker', { timeout: 3 * deadlineMs }, () => {
  let world: RunWorld
  let silent: Server
  beforeAll(async () => {
    world = await openRunWorld({ environment: { RUNS_CONCURRENT: '4', RUN_SLOT_SECONDS: '1' } })
    world.models.registerScenario('steps', {
      steps: [
        ...Array.from({ length: stepsCount }, (_, index) => ({
          delayMs: 100,
          text: '',
          toolCalls: [{ name: 'log', arguments: { level: 'info', message: `step ${index}` } }],
        })),
        { text: 'Done.' },
      ],
    })
    // Sends lines that keep the connection open, and never a word.
    silent = createServer((_request, reply) => {
      reply.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => reply.write(': still here\n\n'), 100)
      reply.on('close', () => clearInterval(timer))
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
  })
  afterAll(async () => {
    await world.close()
    silent.closeAllConnections()
    silent.close()
  })

  const hanging = () =>
    world.actor('hello', { timeoutSeconds: 600 }, { url: `http://127.0.0.1:${portOf(silent.address())}` })
  const runOf = async (actor: Actor, runId: string) => (await actor.send(`GET /api/runs/${runId}`)).body
  const startedRuns = async (actor: Actor, count: number) => {
    const ids: string[] = []
    for (let index = 0; index < count; index += 1) ids.push(String((await actor.start()).body.id))
    return ids
  }
  const running = (actors: readonly (readonly [Actor, readonly string[]])[], count: number) =>
    eventually(async () => {
      const runs = await Promise.all(actors.flatMap(([actor, ids]) => ids.map((id) => runOf(actor, id))))
      return runs.filter(({ status }) => status === 'running').length === count ? true : undefined
    }, deadlineMs)
  const cancelAll = async (...started: readonly (readonly [Actor, readonly string[]])[]) => {
    for (const [actor, ids] of started) for (const id of ids) await actor.send(`POST /api/runs/${id}/cancel`)
    await eventually(async () => (world.activeRuns() === 0 ? true : undefined), deadlineMs)
  }
  const eventsOf = async (actor: Actor, runId: string, event: string) =>
    (await actor.logs(runId)).filter((entry) => entry.event === event)

  it('are never all taken by one organization', async () => {
    const [busy, calm] = [await hanging(), await world.actor('hello')]
    const ids = await startedRuns(busy, 6)
    await running([[busy, ids]], 3)
    expect((await calm.runToEnd()).body.status).toBe('success')
    await running([[busy, ids]], 3)
    await cancelAll([busy, ids])
  })

  it('pass on from runs whose models are silent, of however many organizations', async () => {
    const hostile = await Promise.all(Array.from({ length: 5 }, hanging))
    const ids = await Promise.all(hostile.map((actor) => startedRuns(actor, 2)))
    await eventually(async () => (world.activeRuns() === 4 ? true : undefined), deadlineMs)
    const calm = await world.actor('hello')
    expect((await calm.runToEnd()).body.status).toBe('success')
    await cancelAll(...hostile.map((actor, index) => [actor, ids[index] ?? []] as const))
  })

  it('pass on between two steps, and the run continues with nothing lost and nothing twice', async () => {
    const [busy, other] = [await world.actor('steps'), await hanging()]
    const ids = await startedRuns(busy, 3)
    // They must have theirs first: the last slot is for an organization without any.
    await running([[busy, ids]], 3)
    const otherIds = await startedRuns(other, 1)
    await running(
      [
        [busy, ids],
        [other, otherIds],
      ],
      4,
    )
    const calm = await world.actor('hello')
    expect((await calm.runToEnd()).body.status).toBe('success')
    await eventually(async () => {
      const runs = await Promise.all(ids.map((id) => runOf(busy, id)))
      return runs.every(({ status }) => status === 'success') ? true : undefined
    }, deadlineMs)
    let handovers = 0
    for (const id of ids) {
      const logs = []
      for (let page = 1; page <= 2; page += 1)
        logs.push(...(await busy.send(`GET /api/runs/${id}/logs`, { query: { pageSize: 100, page } })).body.data)
      const messages = logs.filter(({ event }) => event === 'progress').map(({ message }) => message)
      expect(messages).toEqual(Array.from({ length: stepsCount }, (_, index) => `step ${index}`))
      const steps = logs.filter(({ event }) => event === 'model_answer').map(({ data }) => data.step)
      expect(steps).toEqual(Array.from({ length: stepsCount + 1 }, (_, index) => index + 1))
      handovers += logs.filter(({ event }) => event === 'run_released').length
    }
    expect(handovers).toBeGreaterThan(0)
    await cancelAll([other, otherIds])
  })

  it('are kept by a silent run while nobody else waits', async () => {
    const alone = await hanging()
    const ids = await startedRuns(alone, 3)
    await running([[alone, ids]], 3)
    await new Promise((resolve) => setTimeout(resolve, 3_500))
    for (const id of ids) expect(await eventsOf(alone, id, 'run_released')).toEqual([])
    await cancelAll([alone, ids])
  })
})
