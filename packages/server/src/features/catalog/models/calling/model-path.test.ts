import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEgress } from '../../../../platform/egress/egress.ts'
import { localPolicy } from '../../../../platform/egress/testing/policies.ts'
import { fetchBelow } from './model-egress.ts'
import { modelApis } from './model-target.ts'
import { step } from './step.ts'
import { failureOfCall, silentLog, stepRequest, targetAt } from './testing/model-calls.ts'
import { startRawProvider, type RawProvider } from './testing/raw-provider.ts'
import { testConnection } from './test-connection.ts'

let provider: RawProvider
beforeAll(async () => {
  provider = await startRawProvider((reply) => void reply.writeHead(404).end())
})
afterAll(() => provider.close())

/** The paths that a call of the model requests. */
async function pathsOf(modelId: string, api: (typeof modelApis)[number]): Promise<string[]> {
  const before = provider.seen.length
  await failureOfCall(step(targetAt(provider.url, modelId, api), stepRequest()))
  return provider.seen.slice(before).map(({ path }) => path)
}

const end = ':streamGenerateContent?alt=sse'

describe('the path of a Google model', () => {
  it.each([
    ['gemini-2.5-pro', '/v1beta/models/gemini-2.5-pro'],
    ['models/gemini-2.5-pro', '/v1beta/models/gemini-2.5-pro'],
    ['tunedModels/my-model-1', '/v1beta/tunedModels/my-model-1'],
    ['x#', '/v1beta/models/x%23'],
    ['x?key=1', '/v1beta/models/x%3Fkey%3D1'],
    ['x%2f..', '/v1beta/models/x%252f..'],
    ['%2e%2e/x', '/v1beta/%252e%252e/x'],
    ['..\\..\\x', '/v1beta/models/..%5C..%5Cx'],
    ['a/..;/x', '/v1beta/a/..%3B/x'],
    ['//evil.example/x', '/v1beta///evil.example/x'],
  ])('of %s stays below the base URL', async (modelId, path) => {
    expect(await pathsOf(modelId, 'google')).toEqual([`${path}${end}`])
  })

  it.each(['../../admin/shutdown#', '../x', 'models/../../../admin', 'a/./../../x', '../v1beta2/x'])(
    'of %s is not called',
    async (modelId) => {
      const failure = await failureOfCall(step(targetAt(provider.url, modelId, 'google'), stepRequest()))
      expect(failure).toMatchObject({
        kind: 'bad-request',
        retryable: false,
        message: expect.stringContaining('leads to a path outside'),
      })
      expect(await pathsOf(modelId, 'google')).toEqual([])
    },
  )
})

describe.each(modelApis.filter((api) => api !== 'google'))('%s', (api) => {
  const path = api === 'anthropic' ? '/v1/messages' : '/v1/chat/completions'
  it.each([
    'openai/gpt-4o:free',
    'ft:gpt-4o:acme::a1b2',
    'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.model-v1:0',
    '@cf/meta/llama-3',
    '../models/llama.gguf',
    '../../admin#?%2e',
  ])('sends the id %s in the body, and never in the path', async (modelId) => {
    const before = provider.seen.length
    expect(await pathsOf(modelId, api)).toEqual([path])
    expect(JSON.parse(provider.seen[before]?.body ?? '{}')).toMatchObject({ model: modelId })
  })
})

it.each(['/v1?', '/v1#', '/v1/..', '/%2e%2e/v1', '\\v1', '?', '#'])(
  'a stored base URL that ends in %s is not called',
  async (ending) => {
    const before = provider.seen.length
    const target = { ...targetAt(provider.url, 'm'), baseUrl: `${provider.url}${ending}` }
    const message = expect.stringContaining('Correct the provider key')
    expect(await failureOfCall(step(target, stepRequest()))).toMatchObject({ kind: 'bad-request', message })
    expect(await testConnection(target, { timeoutMs: 20_000, log: silentLog })).toMatchObject({ ok: false, message })
    expect(provider.seen.length).toBe(before)
  },
)

it('calls nothing outside of the base URL, whatever a provider package asks for', async () => {
  const egress = createEgress({ policy: localPolicy })
  const fetch = fetchBelow(`${provider.url}/v1`, egress.fetch)
  const get = (url: string) => fetch(url, { method: 'GET', headers: new Headers(), body: null, signal: null })
  expect((await get(`${provider.url}/v1/deployments/x`)).status).toBe(404)
  const before = provider.seen.length
  for (const path of ['/v1', '/v10/x', '/x', '/v1/../x', '/v1/%2e%2e/x', '/v1/..\\x', '/'])
    await expect(get(`${provider.url}${path}`), path).rejects.toThrow('leads to a path outside')
  await expect(get(provider.url.replace('127.0.0.1', 'localhost') + '/v1/x')).rejects.toThrow('outside')
  await egress.close()
  expect(provider.seen.length).toBe(before)
})
