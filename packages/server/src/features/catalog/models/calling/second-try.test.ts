import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LearningLimiter } from '../limiting/call-limiter.ts'
import { modelApis, type ModelApi } from './model-target.ts'
import { stepWithRetry, type RetryPolicy } from './step-with-retry.ts'
import type { StepMessage } from './step-message.ts'
import { failureOfCall, greeting, stepRequest, targetAt } from './testing/model-calls.ts'
import type { RawReply } from './testing/raw-answers.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer()
})
afterAll(() => server.close())

interface Retry {
  readonly kind: string
  readonly message: string
  readonly usage: unknown
}

function policy(retries: Retry[]): RetryPolicy {
  return {
    limiter: new LearningLimiter({ outageMs: 60_000, baseDelayMs: 5, maxDelayMs: 20, random: () => 0.5 }),
    owner: 'organization',
    remainingMs: () => 60_000,
    paidFailuresMax: 10,
    baseDelayMs: 5,
    maxDelayMs: 20,
    random: () => 0.5,
    onWait: () => undefined,
    onRetry: ({ kind, message, usage }) => void retries.push({ kind, message, usage }),
  }
}

let played = 0
/** Calls a server that gives one reply several times, and then answers with a text. */
function callAfter(
  target: { api: ModelApi; raw: RawReply },
  times: number,
  messages: readonly StepMessage[] = greeting,
) {
  played += 1
  const name = `second-try-${played}`
  const retries: Retry[] = []
  server.registerScenario(name, { steps: [{ raw: target.raw }] })
  let left = times
  const fetch: typeof at.fetch = (url, request) => {
    if (left === 0) server.registerScenario(name, { steps: [{ text: 'At last.' }] })
    left -= 1
    return at.fetch(url, request)
  }
  const at = targetAt(server.url, name, target.api)
  return { retries, answer: stepWithRetry({ ...at, fetch }, stepRequest({ messages }), policy(retries)) }
}

const worked: readonly StepMessage[] = [
  ...greeting,
  { role: 'assistant', text: '', toolCalls: [{ id: 'c1', name: 'output', argumentsText: '{}' }] },
  { role: 'tool', toolCallId: 'c1', toolName: 'output', text: 'ok', isError: false },
]

const emptyChat = { events: [{ choices: [{ index: 0, delta: { content: ' \n' }, finish_reason: 'stop' }] }, '[DONE]'] }
const usage = { input_tokens: 5, output_tokens: 0 }
const emptyAnswers: Readonly<Record<ModelApi, RawReply>> = {
  'openai-compatible': emptyChat,
  openai: { events: ['[DONE]'] },
  mistral: emptyChat,
  google: { events: [{ candidates: [{ content: { role: 'model' }, finishReason: 'STOP', index: 0 }] }] },
  anthropic: {
    events: [
      { type: 'message_start', message: { usage } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage },
      { type: 'message_stop' },
    ],
  },
}

describe.each(modelApis.filter((api) => api !== 'mistral'))('an empty answer of %s', (api) => {
  test('is asked for again', async () => {
    const { answer, retries } = callAfter({ api, raw: emptyAnswers[api] }, 2)
    expect(await answer).toMatchObject({ text: 'At last.' })
    expect(retries.map(({ kind }) => kind)).toEqual(['unavailable', 'unavailable'])
  })

  test('three times in a row is a failure, or the end of the work that the model has done', async () => {
    expect(await failureOfCall(callAfter({ api, raw: emptyAnswers[api] }, 9).answer)).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('empty answer'),
    })
    const { answer, retries } = callAfter({ api, raw: emptyAnswers[api] }, 9, worked)
    expect(await answer).toMatchObject({ toolCalls: [], finishReason: 'stop' })
    expect(retries).toHaveLength(2)
  })
})

test('the cost of an empty answer is reported', async () => {
  const { answer, retries } = callAfter({ api: 'anthropic', raw: emptyAnswers.anthropic }, 1)
  await answer
  expect(retries).toEqual([expect.objectContaining({ usage: expect.objectContaining({ inputTokens: 5 }) })])
})

const malformed = {
  error: {
    message: 'Failed to call a function.',
    type: 'invalid_request_error',
    code: 'tool_use_failed',
    failed_generation: '<function=output>{"message": "x"</function>',
  },
}

const malformedCalls: readonly { how: string; api: ModelApi; raw: RawReply; quoted: string }[] = [
  {
    how: 'as a status',
    api: 'openai-compatible',
    raw: { status: 400, body: JSON.stringify(malformed) },
    quoted: '<function=output>',
  },
  {
    how: 'in the stream',
    api: 'openai',
    raw: { body: `event: error\ndata: ${JSON.stringify(malformed)}\n\n` },
    quoted: '<function=output>',
  },
  {
    how: 'as a finish reason',
    api: 'google',
    raw: { events: [{ candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: 'print(output(' }] }] },
    quoted: 'print(output(',
  },
]

describe.each(malformedCalls)('a call that the provider cannot read, $how', ({ api, raw, quoted }) => {
  test('is shown to the model, which tries again', async () => {
    const { answer, retries } = callAfter({ api, raw }, 1)
    expect(await answer).toMatchObject({ text: 'At last.' })
    expect(retries).toMatchObject([{ kind: 'bad-request' }])
    const sent = JSON.stringify(server.requests.last()?.body)
    expect(sent).toContain('could not be read')
    expect(sent).toContain(JSON.stringify(quoted).slice(1, -1))
  })

  test('three times in a row is a failure', async () => {
    const { answer, retries } = callAfter({ api, raw }, 9)
    expect(await failureOfCall(answer)).toMatchObject({ kind: 'bad-request' })
    expect(retries).toHaveLength(2)
  })
})

test('a limit per minute of Gemini is no empty account, and is over when it says', async () => {
  const error = {
    code: 429,
    message: 'You exceeded your current quota, check your billing. Please retry in 40ms.',
    status: 'RESOURCE_EXHAUSTED',
    details: [
      { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId: 'PerMinutePerProject' }] },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '0.05s' },
    ],
  }
  const { answer, retries } = callAfter({ api: 'google', raw: { status: 429, body: JSON.stringify({ error }) } }, 1)
  expect(await answer).toMatchObject({ text: 'At last.' })
  expect(retries).toMatchObject([{ kind: 'rate-limited' }])
})

test('an answer that is complete is paid once, whatever follows it', async () => {
  const before = server.requests.total
  const said = { choices: [{ index: 0, delta: { content: 'All.' }, finish_reason: 'stop' }] }
  for (const more of [['{"half'], [{ error: { message: 'late' } }], [{ choices: [{ delta: 7 }] }], ['<html>']]) {
    const { answer } = callAfter({ api: 'openai-compatible', raw: { events: [said, ...more] } }, 9)
    expect(await answer).toMatchObject({ text: 'All.' })
  }
  expect(server.requests.total - before).toBe(4)
})

describe('texts of white space alone', () => {
  const blank: readonly StepMessage[] = [
    { role: 'user', text: ' \n' },
    { role: 'assistant', text: '\n\n', toolCalls: [{ id: 'c1', name: 'output', argumentsText: '{}' }] },
    { role: 'tool', toolCallId: 'c1', toolName: 'output', text: '\t', isError: false },
    { role: 'assistant', text: '  ', toolCalls: [] },
    { role: 'user', text: 'Go on.' },
  ]

  test.each(modelApis.filter((api) => api !== 'mistral'))('are not sent to %s', async (api) => {
    await callAfter({ api, raw: emptyAnswers[api] }, 0, blank).answer
    const texts = textsIn(server.requests.last()?.body)
    expect(texts).toContain('(empty)')
    expect(texts.filter((text) => text.trim() === '')).toEqual([])
  })
})

/** The values of all fields that hold what a message says. */
function textsIn(value: unknown, name = ''): string[] {
  if (typeof value === 'string') return ['text', 'content'].includes(name) ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => textsIn(inner, Array.isArray(value) ? name : key))
}
