import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { makeModel, makeProviderKey, mistakesIn, modelWorld } from './testing/model-tests.ts'
import { updateModel } from './update-model.ts'

describeEndpoint(updateModel, {
  given: (tenant) => makeModel(tenant),
  call: (modelId) => ({ params: { modelId }, body: { label: 'Renamed' } }),
  world: modelWorld,
})

describe('updateModel', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())
  const given = async () => {
    const tenant = await world.tenant()
    const cost = { input: '1', output: '2', cacheRead: '0.1', cacheWrite: '1' }
    const id = await makeModel(tenant, { contextWindow: 1000, maxTokens: 100, cost })
    return {
      tenant,
      id,
      cost,
      patch: (body: Record<string, unknown>) => tenant.send(`PATCH /api/models/${id}`, { body }),
    }
  }

  it('changes the given fields and keeps the rest', async () => {
    const { tenant, id, cost, patch } = await given()
    const answer = await patch({ label: 'Renamed', modelId: 'other', enabled: false })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toMatchObject({
      label: 'Renamed',
      modelId: 'other',
      enabled: false,
      contextWindow: 1000,
      maxTokens: 100,
      cost,
      isDefault: true,
    })
    expect((await tenant.send(`GET /api/models/${id}`)).body).toEqual(answer.body)
    expect((await patch({ contextWindow: null, maxTokens: null, cost: null })).body).toMatchObject({
      contextWindow: null,
      maxTokens: null,
      cost: null,
      price: null,
      enabled: false,
    })
    expect((await patch({ cost: { input: '5', output: '6' } })).body.cost).toEqual({
      input: '5',
      output: '6',
      cacheRead: '5',
      cacheWrite: '5',
    })
  })

  it('records old and new values in the audit log', async () => {
    const { id, cost, patch } = await given()
    const answer = await patch({ label: 'Renamed', cost: null, maxTokens: 100 })
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('request_id', '=', String(answer.headers.get('request-id')))
      .executeTakeFirstOrThrow()
    expect(entry).toMatchObject({ action: 'model.updated', resource_id: id })
    expect(entry.changes).toEqual({
      label: { before: expect.any(String), after: 'Renamed' },
      cost: { before: cost, after: null },
      price: { before: cost, after: null },
    })
  })

  it("accepts another key of the organization, and no other organization's key", async () => {
    const { tenant, patch } = await given()
    const providerKeyId = await makeProviderKey(tenant, { api: 'mistral', baseUrl: null })
    expect((await patch({ providerKeyId })).body).toMatchObject({ providerKeyId, api: 'mistral', baseUrl: null })
    for (const foreign of [await makeProviderKey(await world.tenant()), newWireId('mkey')]) {
      expectProblem(updateModel, await patch({ providerKeyId: foreign }), 'provider-key-not-found')
    }
  })

  it('names every mistake', async () => {
    const { patch } = await given()
    expect(mistakesIn(await patch({ label: '', enabled: 'yes', cost: { input: '1' } }))).toEqual(
      expect.arrayContaining(['/label minLength', '/enabled type', '/cost/output required']),
    )
  })

  it('refuses an id that leads to another path of Google, also when the key changes', async () => {
    const { tenant, patch } = await given()
    const google = await makeProviderKey(tenant, { api: 'google', baseUrl: null })
    expect((await patch({ modelId: '../models/llama.gguf' })).status).toBe(200)
    expect(mistakesIn(await patch({ providerKeyId: google }))).toEqual(['/modelId format'])
    expect((await patch({ providerKeyId: google, modelId: 'gemini-2.5-pro' })).status).toBe(200)
    expect(mistakesIn(await patch({ modelId: '../../admin#' }))).toEqual(['/modelId format'])
  })

  it('is for admins and owners', async () => {
    const member = await world.tenant({ role: 'member' })
    expectProblem(updateModel, await member.send(`PATCH /api/models/${newWireId('model')}`, { body: {} }), 'forbidden')
  })
})
