import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'

const piece = (delta: object, finish: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason: finish }],
})
const output = (args: unknown) =>
  piece({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'output', arguments: args } }] })
const searched = piece({
  tool_calls: [{ index: 1, id: 's1', type: 'web_search', function: { name: 'search', arguments: '{}' } }],
})

describe('a run with a model server that keeps to no standard', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld()
  })
  afterAll(() => world.close())

  it('ends with the output, after one call per step, and its log says what was passed over', async () => {
    const usage = { usage: { prompt_tokens: '9', completion_tokens: 2 } }
    const events = ['{"half', { notice: 'Hi.' }, searched, output({ message: 'three boxes' }), usage, '[DONE] ']
    world.models.registerScenario('foreign', { steps: [{ raw: { events, chunks: [7] } }, { text: 'Done.' }] })
    const actor = await world.actor('foreign')
    const { body } = await actor.runToEnd()
    expect(body).toMatchObject({ status: 'success', output: { message: 'three boxes' } })
    const logs = await actor.logs(body.id)
    expect(logs.filter(({ event }) => event === 'model_retry')).toEqual([])
    expect(logs.find(({ event }) => event === 'model_answer')).toMatchObject({
      level: 'debug',
      data: {
        skipped: { 'event that is no JSON': 1, 'event without choices': 1 },
        serverTools: [{ name: 'search', query: '{}', sources: [] }],
        usage: { inputTokens: 9, outputTokens: 2 },
      },
    })
  })

  it('fails with the reason that the server gave', async () => {
    const body = JSON.stringify({ detail: 'The model `tiny` is not loaded.' })
    world.models.registerScenario('refusing', { steps: [{ raw: { status: 404, body } }] })
    const actor = await world.actor('refusing')
    const run = (await actor.runToEnd()).body
    expect(run).toMatchObject({
      status: 'failed',
      error: { code: 'model-bad-request', message: expect.stringContaining('The model `tiny` is not loaded.') },
    })
  })

  it('fails when the model keeps answering nothing, and each empty answer is in its log', async () => {
    world.models.registerScenario('mute', { steps: [{ raw: { events: [piece({ content: '' }, 'stop')] } }] })
    const actor = await world.actor('mute')
    const run = (await actor.runToEnd()).body
    expect(run.error).toMatchObject({ code: 'model-unavailable', message: expect.stringContaining('empty answer') })
    const logs = await actor.logs(run.id)
    expect(logs.filter(({ event }) => event === 'model_retry')).toHaveLength(2)
  })
})
