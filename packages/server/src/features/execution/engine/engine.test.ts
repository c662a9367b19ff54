import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { quickestMs } from '../../../testing/quickest.ts'
import { eventually, openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'

describe('the engine', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld()
  })
  afterAll(() => world.close())

  const running = (actor: Actor, runId: string) =>
    eventually(async () => ((await actor.send(`GET /api/runs/${runId}`)).body.status === 'running' ? true : undefined))

  it('ends a run with its output, its usage and its cost in decimal USD', async () => {
    const actor = await world.actor('hello')
    const { body } = await actor.runToEnd()
    expect(body).toMatchObject({ status: 'success', error: null })
    expect(body.output).toBeTypeOf('object')
    const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = body.usage
    expect(inputTokens + outputTokens).toBeGreaterThan(0)
    const nanos = inputTokens * 10_000 + outputTokens * 20_000 + cacheReadTokens * 1_000 + cacheWriteTokens * 12_500
    expect(Math.round(Number(body.cost) * 1e10)).toBe(nanos)
    expect(body.cost).toMatch(/^\d+\.\d+$/)
  })

  it.each(['openai-compatible', 'anthropic'] as const)('speaks %s', async (api) => {
    const actor = await world.actor('many-tools', {}, { api })
    const { body } = await actor.runToEnd()
    expect(body.status, JSON.stringify(body.error)).toBe('success')
  })

  it('writes a gap-free journal from the creation to the end of the run', async () => {
    const actor = await world.actor('many-tools')
    const { body } = await actor.runToEnd()
    const events = await world.platform.db
      .selectFrom('run_events')
      .select(['seq', 'kind', 'event'])
      .where('run_id', '=', parseWireId('run', body.id) ?? '')
      .orderBy('seq')
      .execute()
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1))
    expect(events.at(0)).toMatchObject({ kind: 'run_update', event: 'created' })
    expect(events.at(1)).toMatchObject({ kind: 'run_update', event: 'started' })
    expect(events.at(-1)).toMatchObject({ kind: 'run_update', event: 'completed' })
  })

  it.each(['rate-limited-once', 'server-error-twice', 'cut-stream'])(
    'retries after %s of the model',
    async (scenario) => {
      const actor = await world.actor(scenario)
      const { body } = await actor.runToEnd()
      expect(body.status, JSON.stringify(body.error)).toBe('success')
      const logs = await actor.logs(body.id)
      expect(logs.some(({ event }) => event === 'model_retry')).toBe(true)
    },
  )

  it("lets the model correct an output that does not match the agent's schema", async () => {
    const schema = {
      type: 'object',
      properties: { message: { type: 'string' } },
      required: ['message'],
      additionalProperties: false,
    }
    const actor = await world.actor('wrong-output-then-corrected', { output: schema })
    const { body } = await actor.runToEnd()
    expect(body, JSON.stringify(body.error)).toMatchObject({ status: 'success' })
    expect(body.output).toEqual({ message: 'corrected' })
  })

  it('fails with the reasons when the output never matches', async () => {
    const schema = {
      type: 'object',
      properties: { nobodyReturnsThis: { type: 'string' } },
      required: ['nobodyReturnsThis'],
    }
    const actor = await world.actor('hello', { output: schema })
    const { body } = await actor.runToEnd()
    expect(body.status).toBe('failed')
    expect(body.error.code).toMatch(/^output-(invalid|missing)$/)
    expect(body.error.reasons).toContainEqual({ pointer: '/nobodyReturnsThis', message: 'is required' })
  })

  it('returns wrong arguments and unknown tools to the model as errors and continues', async () => {
    const actor = await world.actor('bad-arguments')
    const { body } = await actor.runToEnd()
    expect(body.status, JSON.stringify(body.error)).toBe('success')
    expect(
      (await actor.logs(body.id)).some(({ event, data }) => event === 'tool_finished' && data?.['isError'] === true),
    ).toBe(true)
  })

  it('fails with the message of the model server when every call fails', { timeout: 60_000 }, async () => {
    const actor = await world.actor('always-failing', { timeoutSeconds: 5 })
    const { body } = await actor.runToEnd()
    expect(body.status).toBe('failed')
    expect(body.error.code).toMatch(/^model-/)
    expect(JSON.stringify(body)).not.toContain('sk-test-key')
  })

  it('stops at its timeout', async () => {
    const actor = await world.actor('long-wait', { timeoutSeconds: 1 })
    const { body } = await actor.runToEnd()
    expect(body).toMatchObject({ status: 'timeout', error: { code: 'timeout' } })
  })

  it('stops at its budget', async () => {
    const actor = await world.actor('endless')
    const { body } = await actor.runToEnd({ budget: '0.0001' })
    expect(body).toMatchObject({ status: 'failed', error: { code: 'budget-exceeded' }, budget: '0.0001' })
    expect(Number(body.cost)).toBeGreaterThanOrEqual(0.0001)
  })

  /** Milliseconds from the cancel request to the end of all work on the run. */
  const cancelMs = async (actor: Actor, runId: string): Promise<number> => {
    const startedMs = performance.now()
    expect((await actor.send(`POST /api/runs/${runId}/cancel`)).body.status).toBe('cancelled')
    await eventually(async () => (world.activeRuns() === 0 ? true : undefined), 30_000)
    return performance.now() - startedMs
  }

  it('stops within a second of a cancel during a model call', { timeout: 180_000 }, async () => {
    world.models.registerScenario('hour-long', { steps: [{ delayMs: 3_600_000, text: 'At last.' }] })
    const actor = await world.actor('hour-long')
    const tookMs = await quickestMs(1_000, async () => {
      const { body } = await actor.start()
      await running(actor, body.id)
      await sleep(200)
      return cancelMs(actor, body.id)
    })
    expect(tookMs).toBeLessThan(1_000)
  })

  it('stops within a second of a cancel during a tool call', { timeout: 180_000 }, async () => {
    world.models.registerScenario('sleeper', {
      steps: [{ text: '', toolCalls: [{ name: 'bash', arguments: { command: 'sleep 600', timeoutSeconds: 600 } }] }],
    })
    const actor = await world.actor('sleeper')
    const tookMs = await quickestMs(1_000, async () => {
      const { body } = await actor.start()
      await eventually(async () =>
        (await actor.logs(body.id)).some(({ event }) => event === 'tool_started') ? true : undefined,
      )
      await sleep(200)
      return cancelMs(actor, body.id)
    })
    expect(tookMs).toBeLessThan(1_000)
  })

  it('stops writing when another worker has taken over the run', async () => {
    const actor = await world.actor('long-wait')
    const { body } = await actor.start()
    await running(actor, body.id)
    const id = parseWireId('run', body.id) ?? ''
    await sql`update runs set attempt = attempt + 1, worker_id = gen_random_uuid() where id = ${id}`.execute(
      world.platform.db,
    )
    await eventually(async () => (world.activeRuns() === 0 ? true : undefined))
    const events = await world.platform.db.selectFrom('run_events').select('event').where('run_id', '=', id).execute()
    expect(events.map(({ event }) => event)).toEqual(['created', 'started'])
    await actor.send(`POST /api/runs/${body.id}/cancel`)
  })
})

it('gives a waiting tenant its share while another tenant has a long queue', { timeout: 120_000 }, async () => {
  const world = await openRunWorld({ environment: { RUNS_CONCURRENT: '3', ORGANIZATION_SHARE: '100' } })
  try {
    world.models.registerScenario('hour-long', { steps: [{ delayMs: 3_600_000, text: 'At last.' }] })
    const [busy, other] = [await world.actor('hour-long'), await world.actor('hello')]
    const queue = []
    for (let place = 0; place < 10; place += 1) queue.push(String((await busy.start()).body.id))
    await eventually(async () => (world.activeRuns() === 3 ? true : undefined), 60_000)
    const waiting = (await other.start()).body
    await busy.send(`POST /api/runs/${queue[0] ?? ''}/cancel`)
    await eventually(
      async () => ((await other.send(`GET /api/runs/${waiting.id}`)).body.status === 'success' ? true : undefined),
      60_000,
    )
    // The run started before runs of the other tenant that had waited longer.
    const { started_at: itsTurn } = await world.platform.db
      .selectFrom('runs')
      .select('started_at')
      .where('id', '=', parseWireId('run', waiting.id) ?? '')
      .executeTakeFirstOrThrow()
    const earlier = await world.platform.db
      .selectFrom('runs')
      .select('id')
      .where('organization_id', '=', parseWireId('org', busy.orgId) ?? '')
      .where('started_at', '<', itsTurn)
      .execute()
    expect(earlier).toHaveLength(3)
  } finally {
    await world.close()
  }
})
