import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modelApis } from '../model-target.ts'
import { failureOfCall, testKey } from '../testing/model-calls.ts'
import { playRaw } from '../testing/raw-answers.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({ requestsMax: 0 })
})
afterAll(() => server.close())

const errors: readonly (readonly [string, unknown, string])[] = [
  [
    'vLLM',
    { object: 'error', message: 'Tools need a parser.', type: 'BadRequestError', param: null, code: 400 },
    'Tools need a parser.',
  ],
  ['FastAPI', { detail: 'The model `tiny` is not loaded.' }, 'The model `tiny` is not loaded.'],
  [
    'FastAPI, with places',
    { detail: [{ loc: ['body', 'tools', 2], msg: 'field required', type: 'missing' }] },
    'body.tools.2: field required',
  ],
  ['Ollama', { error: 'pocket:1b does not support tools' }, 'pocket:1b does not support tools'],
  [
    'Mistral',
    {
      object: 'error',
      message: { detail: [{ msg: 'No extra inputs, please', loc: ['query'] }] },
      type: 'invalid',
      code: null,
    },
    'query: No extra inputs, please',
  ],
  [
    'Gemini, as a list',
    [{ error: { code: 400, message: 'Not in this region.', status: 'FAILED_PRECONDITION' } }],
    'Not in this region.',
  ],
  ['Gemini without a status', { error: { code: 400, message: 'Not in this region.' } }, 'Not in this region.'],
  [
    'TGI',
    { error: 'Input validation failed: too few tools', error_type: 'validation' },
    'Input validation failed: too few tools',
  ],
  [
    'a list of texts',
    { error: ['`inputs` is empty', '`top_k` is not allowed'] },
    '`inputs` is empty; `top_k` is not allowed',
  ],
  ['xAI', { code: 'Client specified an invalid argument', error: 'Unknown field: seeds' }, 'Unknown field: seeds'],
  [
    'OpenRouter',
    {
      error: {
        code: 400,
        message: 'Provider returned error',
        metadata: { provider_name: 'Z', raw: '{"error":{"message":"seed must be an integer"}}' },
      },
    },
    'Provider returned error: seed must be an integer',
  ],
  [
    'LiteLLM',
    { error: { message: 'litellm.BadRequestError: seed', type: null, param: null, code: '400' } },
    'litellm.BadRequestError: seed',
  ],
  [
    'Azure',
    { error: { code: 'DeploymentNotFound', message: 'No such deployment.', innererror: { code: 'x' } } },
    'No such deployment.',
  ],
  [
    'Cloudflare',
    { success: false, errors: [{ code: 7003, message: 'No route for that URI' }], result: null },
    'No route for that URI',
  ],
  ['AWS', { __type: 'ValidationException', Message: 'Malformed input request' }, 'Malformed input request'],
  [
    'a problem document',
    { type: 'about:blank', title: 'Bad Request', status: 400, detail: 'Field `n` is read-only.' },
    'Field `n` is read-only.',
  ],
  ['a code alone', { error: { type: 'unsupported_country' } }, 'unsupported_country'],
  ['plain text', '404 page not found\n', '404 page not found'],
  [
    'a page with a title',
    '<!DOCTYPE html>\n<html><head><title>502 &amp; out</title></head><body><h1>x</h1></body></html>',
    '502 & out',
  ],
  [
    'a page without a title',
    '<html><style>a{}</style><body><h1>Blocked</h1>by the proxy</body></html>',
    'Blocked by the proxy',
  ],
  ['JSON that is cut', '{"error":{"message":"The request has no seed", "details":[1,', 'The request has no seed'],
]

describe.each(modelApis)('%s', (api) => {
  test.each(errors)('says what a server said in the form of %s', async (_, error, expected) => {
    const body = typeof error === 'string' ? error : JSON.stringify(error)
    for (const type of ['application/json', 'text/html']) {
      const failure = await failureOfCall(
        playRaw(server, api, { status: 422, headers: { 'content-type': type }, body }),
      )
      expect(failure).toMatchObject({ kind: 'bad-request', status: 422, retryable: false })
      expect(failure.message).toBe(`The provider answered with status 422: ${expected}`)
    }
  })

  test.each([
    ['in a stream', { events: [{ error: { message: 'No cards left', code: 503 } }] }],
    ['as a text in a stream', { events: [{ error: 'No cards left', error_type: 'overloaded' }] }],
    ['by the name of an event', { body: 'event: error\ndata: No cards left\n\n' }],
    ['by the name of an event, as an object', { body: 'event: error\ndata: {"message":"No cards left"}\n\n' }],
    ['as an event without a word about an error', { events: [{ detail: 'No cards left' }, '[DONE]'].slice(0, 1) }],
    ['of Anthropic', { events: [{ type: 'error', error: { type: 'overloaded_error', message: 'No cards left' } }] }],
    ['of vLLM', { events: [{ object: 'error', message: 'No cards left', code: 503 }] }],
    ['of MiniMax', { body: '{"base_resp":{"status_code":1002,"status_msg":"No cards left"}}' }],
    [
      'as a whole body',
      { headers: { 'content-type': 'application/json' }, body: '{"error":{"message":"No cards left"}}' },
    ],
  ])('an error with status 200, %s, has its own text', async (_, raw) => {
    expect(await failureOfCall(playRaw(server, api, raw))).toMatchObject({
      kind: 'unavailable',
      retryable: true,
      message: 'The provider aborted its answer: No cards left',
    })
  })

  test('a page with status 200 is quoted by its title', async () => {
    const page = {
      headers: { 'content-type': 'text/html' },
      body: '<html><title>Sign in to the network</title></html>',
    }
    expect(await failureOfCall(playRaw(server, api, page))).toMatchObject({
      kind: 'connection',
      message: "The provider's answer could not be read: Sign in to the network",
    })
  })
})

test.each([
  `Bearer abcdefgh12345678`,
  'sk-proj-abc***wxyz',
  'gsk_a1b2c3d4e5f6',
  'AIzaSyA1234567890abcdef',
  'https://x.example/?key=abcdef12&y=1',
  `${testKey.slice(0, 7)}...`,
  `****${testKey.slice(-4)}`,
  `...${testKey.slice(-4)}`,
  testKey,
])('does not repeat the key in %s', async (quoted) => {
  for (const status of [400, 401]) {
    const body = JSON.stringify({ error: { message: `Wrong: ${quoted} (see the docs).` } })
    const { message } = await failureOfCall(playRaw(server, 'openai', { status, body }))
    expect(message).toMatch(/Wrong: .*\[redacted\].* \(see the docs\)\.$/)
    for (const secret of ['abcdefgh', 'wxyz', 'a1b2', 'AIza', 'abcdef12', testKey.slice(0, 7), testKey.slice(-4)])
      expect(message).not.toContain(secret)
  }
})

test('long texts are cut, also those that are hard to search', async () => {
  for (const text of ['<'.repeat(200_000), '<script'.repeat(30_000), '*'.repeat(200_000), 'sk-'.repeat(60_000)]) {
    const { message } = await failureOfCall(playRaw(server, 'openai', { status: 400, body: text }))
    expect(message.length).toBeLessThan(400)
  }
})

test.each([
  ['a code', { error: { message: 'Shorten it.', code: 'context_length_exceeded' } }],
  ['a type', { error: { message: 'Too much.', type: 'too_many_prompt_tokens', code: 400 } }],
  ['the words of Perplexity', { error: { message: 'The total length of all messages is too long.' } }],
  ['the words of Ollama', { error: 'prompt too long; exceeded max context length by 9 tokens' }],
])('an overflow is known by %s', async (_, error) => {
  const raw = { status: 400, body: JSON.stringify(error) }
  expect(await failureOfCall(playRaw(server, 'openai-compatible', raw))).toMatchObject({ kind: 'context-overflow' })
})
