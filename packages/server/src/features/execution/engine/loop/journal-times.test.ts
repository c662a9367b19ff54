import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRunWorld, type Actor, type RunWorld } from '../../../../testing/factories/run-world.ts'

const delayMs = 150

describe('the times in the journal', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld()
    world.models.registerScenario('slow', {
      steps: [
        {
          delayMs,
          text: 'one two three four five',
          chunkCharacters: 4,
          chunkDelayMs: 30,
          usage: { inputTokens: 120, outputTokens: 9 },
          toolCalls: [{ name: 'log', arguments: { message: 'At work.' } }],
        },
        { failures: [{ attempts: 1, status: 503 }], text: 'Done.' },
      ],
    })
    world.models.registerScenario('refused', { steps: [{ delayMs, failures: [{ status: 400 }] }] })
    world.models.registerScenario('cut-late', {
      steps: [
        {
          failures: [{ attempts: 1, cutAfterChunks: 3 }],
          text: 'one two three four five',
          chunkCharacters: 4,
          chunkDelayMs: 30,
        },
      ],
    })
  })
  afterAll(() => world.close())

  const entriesOf = async (actor: Actor, event: string) => {
    const { body } = await actor.runToEnd()
    return (await actor.logs(body.id)).filter((entry) => entry.event === event).map(({ data }) => data)
  }
  const measured = (actor: Actor) => ({
    startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    durationMs: expect.any(Number),
    modelId: actor.modelId,
  })

  it('of an answer are the start and the duration of its call and the time to its first token', async () => {
    const actor = await world.actor('slow')
    const before = Date.now()
    const [first] = await entriesOf(actor, 'model_answer')
    expect(first).toMatchObject({ ...measured(actor), contextTokens: 120 })
    const { startedAt, durationMs, firstTokenMs } = Object(first)
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(before)
    expect(Date.parse(startedAt) + durationMs).toBeLessThanOrEqual(Date.now() + 5)
    expect(firstTokenMs).toBeGreaterThanOrEqual(delayMs - 5)
    // The text is sent in pieces, 30 ms apart.
    expect(durationMs).toBeGreaterThanOrEqual(firstTokenMs + 60)
  })

  it('of a retry are the same, with null when no token came and no usage was reported', async () => {
    const actor = await world.actor('slow')
    expect(await entriesOf(actor, 'model_retry')).toMatchObject([
      { attempt: 1, ...measured(actor), firstTokenMs: null, contextTokens: null },
    ])
    const cut = await world.actor('cut-late')
    const [retry] = await entriesOf(cut, 'model_retry')
    expect(retry).toMatchObject(measured(cut))
    expect(Object(retry).firstTokenMs).toBeLessThanOrEqual(Object(retry).durationMs)
  })

  it('of a failure are the same', async () => {
    const actor = await world.actor('refused')
    const [failure] = await entriesOf(actor, 'model_failed')
    expect(failure).toMatchObject({ ...measured(actor), firstTokenMs: null, contextTokens: null })
  })

  it('of a tool call are its start and its duration', async () => {
    const actor = await world.actor('slow')
    const [call] = await entriesOf(actor, 'tool_finished')
    const { startedAt, durationMs } = measured(actor)
    expect(call).toMatchObject({ tool: 'log', startedAt, durationMs })
  })
})
