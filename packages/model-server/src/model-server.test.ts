import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startModelServer, type ModelServer } from './model-server.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({
    apiKey: 'sk-right',
    scenarios: {
      priced: {
        steps: [
          {
            thinking: 'Hm.',
            text: 'Grüße 👋🏽!',
            chunkCharacters: 2,
            usage: { inputTokens: 10, outputTokens: 5, cacheReadTokens: 3, cacheWriteTokens: 2 },
          },
        ],
      },
      waiting: { steps: [{ delayMs: 60_000, text: 'late' }] },
      flaky: { steps: [{ failures: [{ attempts: 2, status: 529, retryAfterSeconds: 7 }], text: 'ok' }] },
    },
  })
})
afterAll(() => server.close())

const bearer = { authorization: 'Bearer sk-right' }
const anthropicHeaders = { 'x-api-key': 'sk-right', 'anthropic-version': '2023-06-01' }

function post(path: string, body: unknown, headers: Record<string, string> = bearer) {
  return fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}
const hello = { messages: [{ role: 'user', content: 'Hi' }] }

async function events(response: Response) {
  const text = await response.text()
  return text
    .split('\n\n')
    .filter(Boolean)
    .map((block) => /^data: (.*)$/m.exec(block)?.[1] ?? '')
}
const parse = (text: string): unknown => JSON.parse(text)
const parsed = async (response: Response) => (await events(response)).filter((data) => data !== '[DONE]').map(parse)
const json = async (response: Promise<Response>): Promise<unknown> => (await response).json()

/** The value at a path, or an empty string. */
function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((current: unknown, key): unknown => Reflect.get(Object(current), key), value) ?? ''
}
const list = (value: unknown, path: string): unknown[] => Array.from(Object(at(value, path)))
const joined = (chunks: unknown[], path: string) => chunks.map((chunk) => at(chunk, path)).join('')

describe('OpenAI chat completions', () => {
  test('streams role, thinking, text, finish reason, usage when asked, and [DONE]', async () => {
    const response = await post('/v1/chat/completions', {
      ...hello,
      model: 'priced',
      stream: true,
      stream_options: { include_usage: true },
    })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const data = await events(response)
    expect(data.at(-1)).toBe('[DONE]')
    const chunks = data.slice(0, -1).map(parse)
    expect(joined(chunks, 'choices.0.delta.content')).toBe('Grüße 👋🏽!')
    expect(joined(chunks, 'choices.0.delta.reasoning_content')).toBe('Hm.')
    expect(at(chunks.at(-2), 'choices.0.finish_reason')).toBe('stop')
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 15, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 3 } },
    })
    const without = await parsed(
      await post('/v1/chat/completions', { ...hello, model: 'scenario:priced', stream: true }),
    )
    expect(joined(without, 'usage')).toBe('')
  })

  test('answers without streaming, with tool calls', async () => {
    const answer = await json(post('/chat/completions', { ...hello, model: 'many-tools' }))
    expect(at(answer, 'choices.0.finish_reason')).toBe('tool_calls')
    expect(list(answer, 'choices.0.message.tool_calls').map((call) => at(call, 'function'))).toEqual([
      { name: 'log', arguments: '{"level":"info","message":"first"}' },
      { name: 'log', arguments: '{"level":"warn","message":"second"}' },
      { name: 'output', arguments: '{"message":"third"}' },
    ])
  })
})

describe('Anthropic messages', () => {
  test('streams blocks between message_start and message_stop', async () => {
    const body = {
      ...hello,
      model: 'hello',
      max_tokens: 100,
      system: [{ type: 'text', text: 'Be brief.' }],
      stream: true,
    }
    const chunks = await parsed(await post('/v1/messages', body, anthropicHeaders))
    const types = chunks.map((chunk) => at(chunk, 'type')).filter((type, index, all) => type !== all[index - 1])
    const block = ['content_block_start', 'content_block_delta', 'content_block_stop']
    expect(types).toEqual(['message_start', 'ping', ...block, ...block, 'message_delta', 'message_stop'])
    expect(chunks.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } })
    expect(parse(joined(chunks, 'delta.partial_json'))).toEqual({ message: 'Hello from the scripted model.' })
  })

  test('answers without streaming, and continues after tool results', async () => {
    const turn = { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'output', input: {} }] }
    const results = {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'ok' }] }],
    }
    const body = { model: 'hello', max_tokens: 9, messages: [...hello.messages, turn, results] }
    const answer = await json(post('/v1/messages', body, anthropicHeaders))
    expect(answer).toMatchObject({
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'Done.' }],
      stop_reason: 'end_turn',
    })
  })
})

describe('Google', () => {
  test('answers with and without streaming', async () => {
    const body = { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] }
    const headers = { 'x-goog-api-key': 'sk-right' }
    const chunks = await parsed(await post('/v1beta/models/hello:streamGenerateContent?alt=sse', body, headers))
    expect(at(chunks.at(-1), 'candidates.0')).toMatchObject({
      content: { parts: [{ functionCall: { name: 'output' } }] },
      finishReason: 'STOP',
    })
    const answer = await json(post('/v1beta/models/scenario%3Atext-only:generateContent', body, headers))
    expect(joined(list(answer, 'candidates.0.content.parts'), 'text')).toBe('This is all I have to say.')
  })
})

describe('every protocol', () => {
  test('lists the scenarios as models', async () => {
    const openai = await json(fetch(`${server.url}/v1/models`, { headers: bearer }))
    expect(list(openai, 'data').map((model) => at(model, 'id'))).toEqual(
      expect.arrayContaining(['hello', 'demo-csv-totals', 'priced']),
    )
    const anthropic = await json(fetch(`${server.url}/v1/models`, { headers: anthropicHeaders }))
    expect(at(anthropic, 'data.0')).toMatchObject({ type: 'model' })
    const google = await json(fetch(`${server.url}/v1beta/models`, { headers: { 'x-goog-api-key': 'sk-right' } }))
    expect(at(google, 'models.0.name')).toMatch(/^models\//)
  })

  test('refuses a wrong key, an unknown model, a wrong body and invalid JSON, in each protocol', async () => {
    const wrongKey = await post('/v1/chat/completions', { ...hello, model: 'hello' }, { authorization: 'Bearer nope' })
    expect([wrongKey.status, await wrongKey.json()]).toMatchObject([401, { error: { type: 'authentication_error' } }])
    const unknown = await post('/v1/chat/completions', { ...hello, model: 'gpt-0' })
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { error: { code: 'model_not_found' } }])
    const noTokens = await post('/v1/messages', { ...hello, model: 'hello' }, anthropicHeaders)
    expect([noTokens.status, await noTokens.json()]).toMatchObject([
      400,
      { type: 'error', error: { type: 'invalid_request_error' } },
    ])
    const garbled = await post('/v1beta/models/hello:generateContent', '{', { 'x-goog-api-key': 'sk-right' })
    expect([garbled.status, await garbled.json()]).toMatchObject([400, { error: { status: 'INVALID_ARGUMENT' } }])
    expect((await post('/v1/nothing', {})).status).toBe(404)
  })

  test('fails the scripted attempts of a conversation, answers, and starts over', async () => {
    const ask = (content: string) =>
      post('/v1/chat/completions', { model: 'flaky', messages: [{ role: 'user', content }] })
    const statuses = []
    for (let attempt = 0; attempt < 4; attempt += 1) statuses.push((await ask('same')).status)
    expect(statuses).toEqual([529, 529, 200, 529])
    expect((await ask('other')).headers.get('retry-after')).toBe('7')
  })

  test('cuts a stream once, after the scripted number of chunks', async () => {
    const ask = () => post('/v1/chat/completions', { ...hello, model: 'cut-stream', stream: true })
    await expect((await ask()).text()).rejects.toThrow()
    expect(await (await ask()).text()).toContain('[DONE]')
  })

  test('keeps the latest requests and registers scenarios while it runs', async () => {
    server.registerScenario('fresh', { steps: [{ text: 'new' }] })
    await post('/v1/chat/completions', { ...hello, model: 'fresh' })
    expect(server.requests.last()).toMatchObject({
      method: 'POST',
      path: '/v1/chat/completions',
      body: { model: 'fresh' },
      headers: bearer,
    })
    expect(server.requests.total).toBeGreaterThanOrEqual(server.requests.list().length)
    expect(() => server.registerScenario('broken', { steps: [] })).toThrow(/broken/)
  })
})

test('holds 2,000 waiting requests in little memory and frees them when they disconnect', async () => {
  const child = spawn(
    process.execPath,
    ['--expose-gc', fileURLToPath(new URL('testing/waiting-server.ts', import.meta.url))],
    { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  )
  const ask = async (message: string): Promise<Record<string, number>> => {
    child.send(message)
    const [answer] = await once(child, 'message')
    const numbers: Record<string, number> = answer
    return numbers
  }
  try {
    const { port = 0 } = await ask('port')
    const before = await ask('memory')
    const abort = new AbortController()
    const body = JSON.stringify({ ...hello, model: 'long-wait', stream: true })
    const waiting = Array.from({ length: 2_000 }, () =>
      fetch(`http://127.0.0.1:${port}/v1/chat/completions`, { method: 'POST', body, signal: abort.signal }).then(
        null,
        () => null,
      ),
    )
    let now = await ask('memory')
    for (const deadline = Date.now() + 60_000; (now['requests'] ?? 0) < 2_000 && Date.now() < deadline; )
      now = await ask('memory')
    expect(now['requests']).toBe(2_000)
    expect(((now['bytes'] ?? 0) - (before['bytes'] ?? 0)) / 2_000).toBeLessThan(25_000)
    abort.abort()
    await Promise.all(waiting)
    for (const deadline = Date.now() + 30_000; (now['connections'] ?? 0) > 0 && Date.now() < deadline; )
      now = await ask('memory')
    expect(now['connections']).toBe(0)
  } finally {
    child.kill('SIGKILL')
  }
}, 120_000)

test('the command prints its address and stops on SIGTERM', async () => {
  const child = spawn(process.execPath, [
    fileURLToPath(new URL('main.ts', import.meta.url)),
    '--port',
    '0',
    '--api-key',
    'k',
  ])
  try {
    const [line] = await once(child.stdout, 'data')
    const { url } = JSON.parse(String(line))
    expect((await fetch(`${url}/v1/models`)).status).toBe(401)
    expect((await fetch(`${url}/v1/models`, { headers: { authorization: 'Bearer k' } })).status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
  }
})
