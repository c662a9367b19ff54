import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { nobodyAt } from './calling/testing/model-calls.ts'
import { testModel } from './test-model.ts'
import { testProviderKey } from './test-provider-key.ts'
import { makeModel, makeProviderKey, modelWorld } from './testing/model-tests.ts'

describeEndpoint(testModel, {
  given: (tenant) => makeModel(tenant),
  call: (modelId) => ({ params: { modelId } }),
  world: modelWorld,
})
describeEndpoint(testProviderKey, {
  as: 'session',
  given: (tenant) => makeProviderKey(tenant),
  call: (providerKeyId) => ({ params: { providerKeyId } }),
  world: modelWorld,
})

describe('testing a connection', () => {
  let world: World
  let provider: ModelServer
  beforeAll(async () => {
    world = await openWorld(modelWorld)
    provider = await startModelServer({ apiKey: 'sk-right' })
  })
  afterAll(async () => {
    await provider.close()
    await world.close()
  })
  const tryWith = async (changes: Record<string, unknown>) => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const providerKeyId = await makeProviderKey(tenant, changes)
    const modelId = await makeModel(tenant, { providerKeyId })
    const answers = [
      await send(`POST /api/provider-keys/${providerKeyId}/test`),
      await tenant.send(`POST /api/models/${modelId}/test`),
    ]
    expect(answers.map((answer) => answer.status)).toEqual([200, 200])
    return answers.map((answer) => answer.body)
  }

  it('asks the provider with the stored key, in the protocol of the key, and spends no tokens', async () => {
    for (const api of ['openai-compatible', 'openai', 'anthropic', 'google', 'mistral']) {
      const version = api === 'google' ? 'v1beta' : 'v1'
      const outcomes = await tryWith({ api, baseUrl: `${provider.url}/${version}`, apiKey: 'sk-right' })
      for (const outcome of outcomes) expect(outcome, api).toEqual({ ok: true, latencyMs: expect.any(Number) })
    }
    expect(provider.requests.list().filter(({ method }) => method !== 'GET')).toEqual([])
  })

  it('reports why it failed', async () => {
    for (const outcome of await tryWith({ baseUrl: `${provider.url}/v1`, apiKey: 'sk-wrong' })) {
      expect(outcome).toEqual({
        ok: false,
        latencyMs: expect.any(Number),
        error: 'AUTH_FAILED',
        message: expect.any(String),
      })
    }
    for (const outcome of await tryWith({ baseUrl: `${nobodyAt}/v1` }))
      expect(outcome).toMatchObject({ ok: false, error: 'CONNECTION_REFUSED' })
  })
})
