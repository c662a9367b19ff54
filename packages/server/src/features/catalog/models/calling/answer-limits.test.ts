import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toolCallsMax } from './event-check.ts'
import { modelApis, type ModelApi } from './model-target.ts'
import { step } from './step.ts'
import { failureOfCall, stepRequest, targetAt } from './testing/model-calls.ts'
import { startRawProvider, type RawProvider } from './testing/raw-provider.ts'

let provider: RawProvider
let answer: (reply: ServerResponse) => void
beforeAll(async () => {
  provider = await startRawProvider((reply) => {
    reply.writeHead(200, { 'content-type': 'text/event-stream' })
    answer(reply)
  })
})
afterAll(() => provider.close())

const textBytesMax = 100_000
const call = (api: ModelApi) => step(targetAt(provider.url, 'm', api), stepRequest({ textBytesMax }))
const eventOf = (data: unknown) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`

/** Sends events until the client closes the connection; fails the test's call only if the client never does. */
async function sendEndlessly(reply: ServerResponse, start: string, eventAt: (n: number) => string): Promise<void> {
  reply.write(start)
  for (let n = 0; !reply.destroyed; n += 1) {
    if (!reply.write(eventAt(n))) await writable(reply)
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

async function writable(reply: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  reply.on('drain', resolve).on('close', resolve)
  await promise
  reply.off('drain', resolve).off('close', resolve)
}

const anthropicStart = eventOf({
  type: 'message_start',
  message: {
    type: 'message',
    id: 'm',
    role: 'assistant',
    content: [],
    model: 'm',
    usage: { input_tokens: 1, output_tokens: 1 },
  },
})
const choice = (delta: unknown, finish: string | null = null) =>
  eventOf({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
const parts = (list: readonly unknown[], finishReason?: string) =>
  eventOf({
    candidates: [{ content: { role: 'model', parts: list }, ...(finishReason === undefined ? {} : { finishReason }) }],
  })
const block = (index: number, contentBlock: unknown) =>
  eventOf({ type: 'content_block_start', index, content_block: contentBlock }) +
  eventOf({ type: 'content_block_stop', index })

interface Wire {
  readonly start: string
  /** One tool call, whose id is always the same. */
  readonly callAt: (n: number) => string
  /** An event that adds nothing. */
  readonly empty: string
  readonly end: string
}

function wire(api: ModelApi): Wire {
  if (api === 'anthropic') {
    const end = eventOf({ type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 2 } })
    const callAt = (n: number) => block(n, { type: 'tool_use', id: 'a', name: 'x', input: {} })
    return {
      start: anthropicStart,
      callAt,
      empty: eventOf({ type: 'ping' }),
      end: end + eventOf({ type: 'message_stop' }),
    }
  }
  if (api === 'google') {
    const callAt = () => parts([{ functionCall: { id: 'a', name: 'x', args: {} } }])
    return { start: '', callAt, empty: parts([{ text: '' }]), end: parts([{ text: '' }], 'STOP') }
  }
  const callAt = (n: number) =>
    choice({ tool_calls: [{ index: n, id: 'a', type: 'function', function: { name: 'x', arguments: '{}' } }] })
  return { start: '', callAt, empty: choice({ content: '' }), end: choice({}, 'tool_calls') + eventOf('[DONE]') }
}

const refused = (message: string) => ({ kind: 'bad-request', retryable: false, message })
const tooMany = refused(`The model's answer has more than ${toolCallsMax} tool calls.`)
const tooLarge = refused(`The model's answer is larger than ${textBytesMax} bytes.`)
const tooComplex = refused("The model's answer is nested too deeply or has too many parts.")

describe.each(modelApis)('an answer of %s', (api) => {
  test(`can have ${toolCallsMax} tool calls, and each has its own id`, async () => {
    const { start, callAt, end } = wire(api)
    answer = (reply) => reply.end(start + Array.from({ length: toolCallsMax }, (_, n) => callAt(n)).join('') + end)
    const { toolCalls } = await call(api)
    expect(toolCalls).toHaveLength(toolCallsMax)
    expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(toolCallsMax)
  })

  test('ends when it has more tool calls, while more of them arrive', async () => {
    const { start, callAt } = wire(api)
    answer = (reply) => void sendEndlessly(reply, start, callAt)
    expect(await failureOfCall(call(api))).toMatchObject(tooMany)
  })

  test('is refused when one event is nested too deeply', async () => {
    answer = (reply) => reply.end(eventOf(`{"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`))
    expect(await failureOfCall(call(api))).toMatchObject(tooComplex)
  })

  test('ends when one event is too large, on one line or on many', async () => {
    answer = (reply) => void sendEndlessly(reply, 'data: "', () => 'x'.repeat(10_000))
    expect(await failureOfCall(call(api))).toMatchObject(tooLarge)
    answer = (reply) => void sendEndlessly(reply, 'data: [1\n', () => 'data: ,1\r'.repeat(1_000))
    expect(await failureOfCall(call(api))).toMatchObject(tooLarge)
  })

  test('lets the process do other work while many small events are parsed', async () => {
    const { start, end, empty } = wire(api)
    answer = (reply) => reply.end(start + empty.repeat(6_400) + end)
    let turns = 0
    let isOver = false
    const over = call(api)
      .catch(() => undefined)
      .finally(() => (isOver = true))
    for (; !isOver; turns += 1) await new Promise((resolve) => setImmediate(resolve))
    await over
    expect(turns).toBeGreaterThan(20)
  })
})

describe('what an answer makes the server keep', () => {
  const thinking = anthropicStart + block(0, { type: 'thinking', thinking: '' })
  const kept = {
    'openai-compatible': ['arguments of calls without a name', '', () => unnamed],
    openai: ['text', '', (n: number) => choice({ content: 'x'.repeat(n % 1000) })],
    anthropic: ['signatures', thinking, signature],
    google: ['signatures', '', () => parts([{ text: 'x', thought: true, thoughtSignature: 's'.repeat(5_000) }])],
  } as const

  test.each(['openai-compatible', 'openai', 'anthropic', 'google'] as const)('is limited: %s', async (api) => {
    const [, start, eventAt] = kept[api]
    answer = (reply) => void sendEndlessly(reply, start, eventAt)
    expect(await failureOfCall(call(api)), kept[api][0]).toMatchObject(tooLarge)
  })

  test('is limited: empty parts', async () => {
    answer = (reply) => void sendEndlessly(reply, anthropicStart, (n) => block(n, { type: 'text', text: '' }))
    expect(await failureOfCall(call('anthropic'))).toMatchObject(tooComplex)
    answer = (reply) => void sendEndlessly(reply, '', (n) => parts([{ text: 'x', thought: n % 2 === 0 }]))
    expect(await failureOfCall(call('google'))).toMatchObject(tooComplex)
  })

  test('is limited: many values, and many tool calls, in one event', async () => {
    answer = (reply) => reply.end(choice({ tool_calls: Array.from({ length: 129 }, () => ({ index: 0 })) }))
    expect(await failureOfCall(call('openai-compatible'))).toMatchObject(tooMany)
    answer = (reply) => reply.end(parts([{ functionCall: { name: 'x', args: { list: Array(40_000).fill(1) } } }]))
    expect(await failureOfCall(call('google'))).toMatchObject(tooComplex)
  })

  test('does not depend on list positions that the answer names', async () => {
    const partialArgs = [{ jsonPath: '$.list[4000000000]', numberValue: 1 }]
    answer = (reply) => reply.end(parts([{ functionCall: { name: 'x', partialArgs, willContinue: true } }]))
    expect(await failureOfCall(call('google'))).toMatchObject(tooComplex)
    const far = { index: 4_000_000_000, id: 'a', type: 'function', function: { name: 'x', arguments: '{}' } }
    answer = (reply) => reply.end(choice({ tool_calls: [far] }, 'tool_calls'))
    expect((await call('openai-compatible')).toolCalls).toEqual([{ id: 'a', name: 'x', argumentsText: '{}' }])
  })
})

const unnamed = choice({ tool_calls: [{ index: 0, function: { arguments: 'x'.repeat(1_000) } }] })

function signature(): string {
  return eventOf({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'signature_delta', signature: 's'.repeat(5_000) },
  })
}
