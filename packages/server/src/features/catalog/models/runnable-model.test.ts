import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { modelEgress } from './calling/model-egress.ts'
import { findRunnableModel, ModelGone, getModelTarget } from './index.ts'
import { goodKey, makeModel, makeProviderKey, modelWorld } from './testing/model-tests.ts'

describe('a runnable model', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())
  const find = (tenant: Tenant, wanted: { requested?: string; agentModelId?: string | null }) =>
    findRunnableModel(world.platform.db, world.platform, tenant.organizationId, { agentModelId: null, ...wanted })
  const make = async (tenant: Tenant, changes: Record<string, unknown> = {}) =>
    parseWireId('model', await makeModel(tenant, changes)) ?? ''

  it("is the requested one, else the agent's, else the default", async () => {
    const tenant = await world.tenant()
    const [standard, agentModelId, requested] = [
      await make(tenant),
      await make(tenant),
      await make(tenant, { label: 'Asked for', contextWindow: 1000 }),
    ]
    expect(await find(tenant, { requested, agentModelId })).toEqual({
      id: requested,
      label: 'Asked for',
      api: goodKey.api,
      baseUrl: goodKey.baseUrl,
      modelId: 'm',
      contextWindow: 1000,
      maxTokens: null,
      price: null,
    })
    expect(await find(tenant, { agentModelId })).toMatchObject({ id: agentModelId })
    expect(await find(tenant, {})).toMatchObject({ id: standard })
  })

  it('has its own price, else the price of the table', async () => {
    const tenant = await world.tenant()
    const providerKeyId = await makeProviderKey(tenant, { api: 'openai', baseUrl: null })
    const cost = { input: '7', output: '8', cacheRead: '0.7', cacheWrite: '7' }
    const [own, table] = [
      await make(tenant, { providerKeyId, modelId: 'gpt-4o', cost }),
      await make(tenant, { providerKeyId, modelId: 'gpt-4o' }),
    ]
    expect(await find(tenant, { requested: own })).toMatchObject({ price: cost })
    expect(await find(tenant, { requested: table })).toMatchObject({ price: { input: '2.5' } })
  })

  it('is missing with a reason, and never belongs to another organization', async () => {
    const tenant = await world.tenant()
    expect(await find(tenant, {})).toEqual({ missing: 'model-not-configured' })
    const foreign = await make(await world.tenant())
    expect(await find(tenant, { requested: foreign })).toEqual({ missing: 'model-not-found' })
    expect(await find(tenant, { agentModelId: foreign })).toEqual({ missing: 'model-not-configured' })
    const id = await makeModel(tenant)
    await tenant.send(`PATCH /api/models/${id}`, { body: { enabled: false } })
    expect(await find(tenant, {})).toEqual({ missing: 'model-disabled' })
  })

  it('opens as a target with its decrypted key, until it is deleted', async () => {
    const tenant = await world.tenant()
    const id = await make(tenant, { maxTokens: 50 })
    const target = {
      api: goodKey.api,
      baseUrl: goodKey.baseUrl,
      modelId: 'm',
      apiKey: goodKey.apiKey,
      maxOutputTokens: 50,
      fetch: world.platform.use(modelEgress).fetch,
    }
    expect(await getModelTarget(world.platform, tenant.organizationId, id)).toEqual(target)
    const stranger = await world.tenant()
    await expect(getModelTarget(world.platform, stranger.organizationId, id)).rejects.toThrow(ModelGone)
    await world.platform.db.deleteFrom('provider_keys').where('organization_id', '=', tenant.organizationId).execute()
    await expect(getModelTarget(world.platform, tenant.organizationId, id)).rejects.toThrow(ModelGone)
    await expect(getModelTarget(world.platform, tenant.organizationId, newUuid())).rejects.toThrow(ModelGone)
  })
})
