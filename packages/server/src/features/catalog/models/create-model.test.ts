import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { createModel } from './create-model.ts'
import { goodKey, listed, makeModel, makeProviderKey, mistakesIn, modelWorld } from './testing/model-tests.ts'

describeEndpoint(createModel, {
  given: (tenant) => makeProviderKey(tenant),
  call: (providerKeyId) => ({ body: { label: 'A model', modelId: 'm', providerKeyId } }),
  world: modelWorld,
})

describe('createModel', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())

  it("returns the model with its key's protocol and address, its limits and its price", async () => {
    const tenant = await world.tenant()
    const providerKeyId = await makeProviderKey(tenant)
    const body = {
      label: 'Llama',
      providerKeyId,
      modelId: 'llama3:8b',
      contextWindow: 8192,
      maxTokens: 1024,
      cost: { input: '0.10', output: '0.2' },
    }
    const answer = await tenant.send('POST /api/models', { body })
    expect(answer.status, answer.text).toBe(201)
    const { id, createdAt, updatedAt, ...rest } = answer.body
    const cost = { input: '0.10', output: '0.2', cacheRead: '0.10', cacheWrite: '0.10' }
    const { api, baseUrl } = goodKey
    expect(rest).toEqual({
      ...body,
      api,
      baseUrl,
      cost,
      price: cost,
      enabled: true,
      isDefault: true,
      createdBy: tenant.userId,
    })
    expect(id).toMatch(/^model_[0-9a-z]{26}$/)
    expect([createdAt, updatedAt]).toEqual([expect.stringMatching(/Z$/), createdAt])
    expect(answer.headers.get('location')).toBe(`/api/models/${id}`)
    expect((await tenant.send(`GET /api/models/${id}`)).body).toEqual(answer.body)
  })

  it('uses the price of the price table, and null when it has none', async () => {
    const tenant = await world.tenant()
    const providerKeyId = await makeProviderKey(tenant, { api: 'anthropic', baseUrl: null })
    const priceOf = async (modelId: string) =>
      (await tenant.send(`GET /api/models/${await makeModel(tenant, { providerKeyId, modelId })}`)).body
    expect(await priceOf('claude-sonnet-4-5')).toMatchObject({
      cost: null,
      price: { input: '3', output: '15', cacheRead: '0.3', cacheWrite: '3.75' },
    })
    expect(await priceOf('claude-of-tomorrow')).toMatchObject({
      cost: null,
      price: null,
      contextWindow: null,
      maxTokens: null,
    })
  })

  it('makes only the first model of an organization its default, even of ten created at once', async () => {
    const tenant = await world.tenant()
    const providerKeyId = await makeProviderKey(tenant)
    await Promise.all(Array.from({ length: 10 }, () => makeModel(tenant, { providerKeyId })))
    const defaults = listed(await tenant.send('GET /api/models'), 'isDefault')
    expect(defaults).toHaveLength(10)
    expect(defaults.filter(Boolean)).toHaveLength(1)
    const other = await world.tenant()
    expect((await other.send(`GET /api/models/${await makeModel(other)}`)).body.isDefault).toBe(true)
  })

  it("refuses another organization's provider keys as if they did not exist", async () => {
    const tenant = await world.tenant()
    for (const providerKeyId of [await makeProviderKey(await world.tenant()), newWireId('mkey')]) {
      const answer = await tenant.send('POST /api/models', { body: { label: 'x', modelId: 'm', providerKeyId } })
      expectProblem(createModel, answer, 'provider-key-not-found')
    }
    expect((await tenant.send('GET /api/models')).body.data).toEqual([])
  })

  it('names every mistake', async () => {
    const tenant = await world.tenant()
    const body = {
      label: '',
      modelId: 'a b',
      providerKeyId: newWireId('model'),
      contextWindow: 0,
      maxTokens: 1.5,
      cost: { input: 1, output: '-1', gold: '1' },
    }
    expect(mistakesIn(await tenant.send('POST /api/models', { body }))).toEqual(
      expect.arrayContaining([
        '/label minLength',
        '/modelId pattern',
        '/providerKeyId pattern',
        '/contextWindow minimum',
        '/maxTokens type',
        '/cost/input type',
        '/cost/output pattern',
        '/cost/gold additionalProperties',
      ]),
    )
    expect(mistakesIn(await tenant.send('POST /api/models', { body: { cost: {} } }))).toEqual(
      expect.arrayContaining([
        '/label required',
        '/modelId required',
        '/providerKeyId required',
        '/cost/input required',
        '/cost/output required',
      ]),
    )
  })

  it('accepts the ids that providers use', async () => {
    const tenant = await world.tenant()
    for (const modelId of [
      'openai/gpt-4o:free',
      'ft:gpt-4o:acme::a1b2',
      'models/gemini-2.5-pro',
      'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.model-v1:0',
      '@cf/meta/llama-3',
      '../models/llama.gguf',
    ])
      expect(await makeModel(tenant, { modelId }), modelId).toMatch(/^model_/)
  })

  it('refuses control characters in an id, and for Google segments that lead to another path', async () => {
    const tenant = await world.tenant()
    const [compatible, google] = [
      await makeProviderKey(tenant),
      await makeProviderKey(tenant, { api: 'google', baseUrl: null }),
    ]
    const mistakes = async (modelId: string, providerKeyId: string) =>
      mistakesIn(await tenant.send('POST /api/models', { body: { label: 'm', modelId, providerKeyId } }))
    for (const modelId of ['a\u0001b', 'a\u0007', 'a\u0085b', 'a\r\nb'])
      expect(await mistakes(modelId, compatible), JSON.stringify(modelId)).toEqual(['/modelId pattern'])
    for (const modelId of ['../../admin/shutdown#', '..', '.', 'models/../x', 'models/./x', 'models/..'])
      expect(await mistakes(modelId, google), modelId).toEqual(['/modelId format'])
  })

  it('is for admins and owners', async () => {
    for (const role of ['member', 'viewer'] as const) {
      const tenant = await world.tenant({ role })
      const body = { label: 'x', modelId: 'm', providerKeyId: newWireId('mkey') }
      expectProblem(createModel, await tenant.send('POST /api/models', { body }), 'forbidden')
    }
  })
})
