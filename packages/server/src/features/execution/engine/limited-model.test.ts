import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { portOf } from '../../../platform/http/port-of.ts'
import { eventually, openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'

const placesMax = 2
const answerMs = 150

describe('a provider with few places', { timeout: 180_000 }, () => {
  let world: RunWorld
  let provider: Server
  const calls = { running: 0, refused: 0, answered: 0 }
  /** Seconds that a refusal asks to wait; undefined: it names no time. */
  let retryAfter: number | undefined
  beforeAll(async () => {
    world = await openRunWorld()
    provider = createServer((request, reply) => {
      request.resume().on('end', () => void answer(reply))
    })
    provider.listen(0, '127.0.0.1')
    await once(provider, 'listening')
  })
  afterAll(async () => {
    await world.close()
    provider.closeAllConnections()
    provider.close()
  })

  async function answer(reply: ServerResponse): Promise<void> {
    if (calls.running >= placesMax || retryAfter !== undefined) {
      calls.refused += 1
      reply.writeHead(429, {
        'content-type': 'application/json',
        ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      })
      reply.end('{"error":{"message":"Slow down."}}')
      retryAfter = undefined
      return
    }
    calls.running += 1
    await sleep(answerMs)
    calls.running -= 1
    calls.answered += 1
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
    const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' }
    const choices = [{ index: 0, delta: { role: 'assistant', content: 'Done.' }, finish_reason: 'stop' }]
    reply.writeHead(200, { 'content-type': 'text/event-stream' })
    reply.end(`data: ${JSON.stringify({ ...chunk, choices, usage })}\n\ndata: [DONE]\n\n`)
  }

  const actorOf = (scenario: string) =>
    world.actor(scenario, {}, { url: `http://127.0.0.1:${portOf(provider.address())}` })
  const ended = (actor: Actor, runId: string) =>
    eventually(async () => {
      const { body } = await actor.send(`GET /api/runs/${runId}`)
      return body.completedAt === null ? undefined : body
    }, 120_000)

  it('answers all of many runs that start at once', async () => {
    const actor = await actorOf('narrow')
    const started = await Promise.all(Array.from({ length: 30 }, () => actor.start()))
    for (const { body } of started)
      expect(await ended(actor, body.id)).toMatchObject({ status: 'success', error: null })
    expect(calls.answered).toBe(30)
    expect(calls.refused).toBeGreaterThan(0)
  })

  it('is left alone by all runs for as long as it asks, and each says so in its log', async () => {
    const actor = await actorOf('asks-for-time')
    retryAfter = 3
    const first = String((await actor.start()).body.id)
    await eventually(async () => ((await actor.logs(first)).some(isRetry) ? true : undefined))
    const refused = calls.refused
    const second = String((await actor.start()).body.id)
    for (const runId of [first, second]) expect((await ended(actor, runId)).status).toBe('success')
    expect(calls.refused).toBe(refused)
    const [retry] = (await actor.logs(first)).filter(isRetry)
    expect(retry).toMatchObject({ data: { attempt: 1, kind: 'rate-limited', delayMs: expect.any(Number) } })
    expect(Number(retry?.data?.['delayMs'])).toBeGreaterThan(2_500)
    const waits = (await actor.logs(second)).filter(({ event }) => event === 'model_wait')
    expect(waits).toMatchObject([{ data: { kind: 'rate-limited', delayMs: expect.any(Number) } }])
    expect(JSON.stringify(waits)).not.toContain('Slow down.')
  })

  const isRetry = ({ event }: { event: string }) => event === 'model_retry'
})
