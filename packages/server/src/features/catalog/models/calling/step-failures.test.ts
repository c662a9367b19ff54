import type { ServerResponse } from 'node:http'
import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelApi, ModelTarget } from './model-target.ts'
import { step } from './step.ts'
import { sendEvents, startRawProvider, type RawProvider } from './testing/raw-provider.ts'
import { failureOfCall, noHost, nobodyAt, stepRequest, targetAt, testKey } from './testing/model-calls.ts'

let server: ModelServer
let provider: RawProvider
let answer: (reply: ServerResponse) => void
beforeAll(async () => {
  server = await startModelServer({
    scenarios: {
      limited: { steps: [{ failures: [{ status: 429, message: 'Slow down.', retryAfterSeconds: 3 }] }] },
      broke: {
        steps: [
          { failures: [{ status: 429, message: 'You exceeded your current quota.', code: 'insufficient_quota' }] },
        ],
      },
      full: { steps: [{ failures: [{ status: 400, message: 'prompt is too long: 210000 tokens > 200000 maximum' }] }] },
      silent: { steps: [{ delayMs: 60_000 }] },
      stuck: { steps: [{ text: 'one two', chunkCharacters: 4, chunkDelayMs: 60_000 }] },
      dripping: { steps: [{ text: 'drip '.repeat(2_000), chunkCharacters: 5, chunkDelayMs: 20 }] },
      ended: { steps: [{ text: 'one two three', chunkCharacters: 4, failures: [{ cutAfterChunks: 3, cut: 'end' }] }] },
      destroyed: {
        steps: [{ text: 'one two three', chunkCharacters: 4, failures: [{ cutAfterChunks: 3, cut: 'destroy' }] }],
      },
      big: { steps: [{ text: 'x'.repeat(50_000), chunkCharacters: 1_000 }] },
      counted: {
        steps: [
          {
            text: 'one two',
            chunkCharacters: 4,
            usage: { inputTokens: 50, outputTokens: 9 },
            failures: [{ cutAfterChunks: 4 }],
          },
        ],
      },
    },
  })
  provider = await startRawProvider((reply) => answer(reply))
})
afterAll(() => Promise.all([server.close(), provider.close()]))

/** Limits that are longer than the test's own timeout. */
const patient = { idleTimeoutMs: 600_000, totalTimeoutMs: 600_000 }
const apis: ModelApi[] = ['openai-compatible', 'openai', 'anthropic', 'google']

const failure = (target: ModelTarget, over = {}) => failureOfCall(step(target, stepRequest(over)))
const status =
  (code: number, body: string, headers = {}) =>
  (reply: ServerResponse) =>
    void reply.writeHead(code, headers).end(body)

describe.each(apis)('%s', (api) => {
  const at = (modelId: string) => targetAt(server.url, modelId, api)

  test('a rate limit reports when to retry', async () => {
    expect(await failure(at('limited'))).toMatchObject({
      kind: 'rate-limited',
      retryable: true,
      retryAfterMs: 3_000,
      status: 429,
    })
  })

  test('an account without credit is a rate limit that is not retried', async () => {
    expect(await failure(at('broke'))).toMatchObject({ kind: 'rate-limited', retryable: false })
  })

  test('a server error is retryable, a full context is not', async () => {
    expect(await failure(at('always-failing'))).toMatchObject({ kind: 'unavailable', retryable: true, status: 503 })
    expect(await failure(at('full'))).toMatchObject({ kind: 'context-overflow', retryable: false })
    expect(await failure(at('no-such-model'))).toMatchObject({ kind: 'bad-request', retryable: false, status: 404 })
  })

  test.each(['destroyed', 'ended'])(
    'a stream that is %s before its end is an error, never a short answer',
    async (how) => {
      expect(await failure(at(how))).toMatchObject({ kind: 'connection', retryable: true })
    },
  )

  test('silence before the first byte and in the middle is a timeout', async () => {
    expect(await failure(at('silent'), { idleTimeoutMs: 60 })).toMatchObject({ kind: 'timeout', retryable: true })
    expect(await failure(at('stuck'), { idleTimeoutMs: 60 })).toMatchObject({ kind: 'timeout', retryable: true })
  })

  test('an answer that never ends reaches the total limit', async () => {
    const error = await failure(at('dripping'), { totalTimeoutMs: 400 })
    expect(error).toMatchObject({ kind: 'timeout', message: expect.stringContaining('400 ms') })
  })

  // The provider sends nothing for a minute: only the abort can end the call in time.
  test.each(['silent', 'stuck'])('an abort ends a %s call', async (modelId) => {
    const abort = new AbortController()
    const call = failureOfCall(step(at(modelId), stepRequest({ signal: abort.signal, ...patient })))
    await new Promise((resolve) => setTimeout(resolve, 100))
    abort.abort()
    expect(await call).toMatchObject({ kind: 'aborted', retryable: false })
  })

  test('an answer larger than allowed ends the call', async () => {
    expect(await failure(at('big'), { textBytesMax: 10_000 })).toMatchObject({ kind: 'bad-request', retryable: false })
  })

  test('a wrong key is refused without quoting any part of it', async () => {
    answer = status(
      401,
      JSON.stringify({ error: { message: `Incorrect API key provided: ${testKey.slice(0, 8)}***.`, type: 'x' } }),
      { 'content-type': 'application/json' },
    )
    const error = await failure(targetAt(provider.url, 'm', api))
    expect(error).toMatchObject({ kind: 'auth', retryable: false, status: 401 })
    expect(error.cause).toBeUndefined()
    expect(error.message).not.toContain(testKey.slice(0, 8))
  })

  test('a key that the provider repeats is removed from the message', async () => {
    const message = `Unknown field in ${testKey}\r\nSet-Cookie: a=b\u001b[31m${'!'.repeat(2_000)}`
    answer = status(
      400,
      JSON.stringify({ type: 'error', error: { message, type: 'invalid_request_error', code: 400, status: 'X' } }),
      { 'x-secret': testKey },
    )
    const error = await failure(targetAt(provider.url, 'm', api))
    expect(error).toMatchObject({ kind: 'bad-request', status: 400 })
    expect(error.message).toContain('[redacted]')
    expect(error.message.length).toBeLessThan(400)
    expect(error.message).toMatch(/^[^\p{Cc}]*$/u)
    expect(JSON.stringify([error, error.stack])).not.toContain(testKey)
  })

  test('a redirect is not followed, so the key is not sent to another host', async () => {
    answer = status(307, '', { location: `${server.url}/v1/chat/completions` })
    const before = server.requests.total
    expect(await failure(targetAt(provider.url, 'm', api))).toMatchObject({
      kind: 'bad-request',
      retryable: false,
      status: 307,
    })
    expect(server.requests.total).toBe(before)
  })

  test.each([
    ['garbage in the stream', 'data: {"half\n\n'],
    ['no stream at all', '<html>hello</html>'],
    ['an empty body', ''],
  ])('%s is a retryable error', async (_, body) => {
    answer = (reply) => sendEvents(reply, [body])
    expect(await failure(targetAt(provider.url, 'm', api))).toMatchObject({ kind: 'connection', retryable: true })
  })

  test('an endless line does not fill the memory', async () => {
    answer = (reply) => {
      reply.writeHead(200, { 'content-type': 'text/event-stream' })
      const pour = () => void (reply.destroyed || reply.write('x'.repeat(65_536), pour))
      pour()
    }
    expect(await failure(targetAt(provider.url, 'm', api), { textBytesMax: 1_000 })).toMatchObject({
      kind: 'bad-request',
    })
  })
})

describe('errors inside a stream', () => {
  const anthropicStart =
    'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",' +
    '"model":"m","content":[],"stop_reason":null,"stop_sequence":null,' +
    '"usage":{"input_tokens":12,"output_tokens":1}}}\n\n'
  const anthropicText =
    'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n' +
    'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}\n\n'
  const reported = async (api: ModelApi, ...events: unknown[]) => {
    answer = (reply) => sendEvents(reply, events)
    return failure(targetAt(provider.url, 'm', api))
  }

  test('an overloaded provider is retryable', async () => {
    const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
    expect(await reported('anthropic', anthropicStart, anthropicText, overloaded)).toMatchObject({
      kind: 'unavailable',
      retryable: true,
      usage: { inputTokens: 12, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 },
    })
    expect(await reported('anthropic', overloaded)).toMatchObject({ kind: 'unavailable', retryable: true })
    expect(
      await reported('openai-compatible', { error: { message: `Bad gateway for ${testKey}`, code: 502 } }),
    ).toMatchObject({
      kind: 'unavailable',
      retryable: true,
      message: expect.stringContaining('[redacted]'),
    })
  })

  test('a full context and a rate limit are recognised', async () => {
    const full = {
      error: { message: 'This model has a maximum context length of 8192 tokens.', type: 'invalid_request_error' },
    }
    expect(await reported('openai-compatible', full)).toMatchObject({ kind: 'context-overflow', retryable: false })
    expect(await reported('openai', { error: { message: 'Slow.', type: 'rate_limit_error' } })).toMatchObject({
      kind: 'rate-limited',
    })
  })
})

test('the usage that was reported before a cut is kept', async () => {
  expect(await failure(targetAt(server.url, 'counted', 'anthropic'))).toMatchObject({
    kind: 'connection',
    usage: { inputTokens: 50 },
  })
})

test('a complete answer is returned, even if the connection then fails', async () => {
  answer = (reply) => {
    reply.writeHead(200, { 'content-type': 'text/event-stream' })
    const start = {
      id: 'm',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    }
    for (const event of [
      { type: 'message_start', message: start },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'All.' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 3 } },
      { type: 'message_stop' },
    ])
      reply.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  }
  const complete = await step(targetAt(provider.url, 'm', 'anthropic'), stepRequest(patient))
  expect(complete).toMatchObject({ finishReason: 'stop', usage: { inputTokens: 1, outputTokens: 3 } })
})

test('invalid settings fail before anything is sent', async () => {
  const target = targetAt(server.url, 'hello')
  const before = server.requests.total
  expect(await failure({ ...target, baseUrl: undefined })).toMatchObject({ kind: 'bad-request' })
  expect(await failure({ ...target, baseUrl: 'file:///etc/passwd' })).toMatchObject({ kind: 'bad-request' })
  const brokenKey = await failure({ ...target, apiKey: 'sk-line\nbreak' })
  expect(brokenKey).toMatchObject({ kind: 'auth' })
  expect(brokenKey.message).not.toContain('sk-line')
  expect(await failure({ ...target, api: 'openai', apiKey: '' })).toMatchObject({ kind: 'auth' })
  expect(await failure(target, { signal: AbortSignal.abort() })).toMatchObject({ kind: 'aborted' })
  expect(server.requests.total).toBe(before)
})

test('a local server without a key is sent none', async () => {
  await step({ ...targetAt(server.url, 'hello'), apiKey: '' }, stepRequest())
  expect(server.requests.last()?.headers.authorization).toBeUndefined()
})

test('a refused connection is retryable, an unknown host is not', async () => {
  expect(await failure(targetAt(nobodyAt, 'm'))).toMatchObject({ kind: 'connection', retryable: true })
  expect(await failure(targetAt(noHost, 'm'))).toMatchObject({ kind: 'connection', retryable: false })
})

test('an error of the listener is thrown unchanged', async () => {
  const stop = new Error('The run was fenced.')
  const call = step(
    targetAt(server.url, 'hello'),
    stepRequest({
      onTextDelta: () => {
        throw stop
      },
    }),
  )
  await expect(call).rejects.toBe(stop)
})
