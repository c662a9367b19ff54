import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { setDefaultModel } from './set-default-model.ts'
import { makeModel, modelWorld } from './testing/model-tests.ts'

describeEndpoint(setDefaultModel, {
  given: (tenant) => makeModel(tenant),
  call: (modelId) => ({ body: { modelId } }),
  world: modelWorld,
})

describe('setDefaultModel', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())
  const put = (tenant: Tenant, modelId: unknown) => tenant.send('PUT /api/models/default', { body: { modelId } })
  const defaultsOf = async ({ scope }: Tenant) => {
    const rows = await world.platform.db
      .selectFrom('models')
      .select('label')
      .where('organization_id', '=', scope.organizationId)
      .where('is_default', '=', true)
      .execute()
    return rows.map((row) => row.label)
  }

  it('moves the default, takes it away and gives it back', async () => {
    const tenant = await world.tenant()
    const [a, b] = [await makeModel(tenant, { label: 'a' }), await makeModel(tenant, { label: 'b' })]
    expect(await defaultsOf(tenant)).toEqual(['a'])
    expect((await put(tenant, b)).body).toEqual({ modelId: b })
    expect(await defaultsOf(tenant)).toEqual(['b'])
    expect((await put(tenant, null)).body).toEqual({ modelId: null })
    expect(await defaultsOf(tenant)).toEqual([])
    expect((await put(tenant, a)).status).toBe(200)
    expect((await tenant.send(`GET /api/models/${a}`)).body.isDefault).toBe(true)
  })

  it('tells the audit log which was and which is the default', async () => {
    const tenant = await world.tenant()
    const [a, b] = [await makeModel(tenant, { label: 'a' }), await makeModel(tenant, { label: 'b' })]
    const told = async (modelId: string | null) => {
      const answer = await put(tenant, modelId)
      const { resource_id, changes } = await world.platform.db
        .selectFrom('audit_log')
        .selectAll()
        .where('request_id', '=', String(answer.headers.get('request-id')))
        .executeTakeFirstOrThrow()
      return { resource_id, changes }
    }
    expect(await told(b)).toEqual({ resource_id: b, changes: { modelId: { before: a, after: b } } })
    expect(await told(null)).toEqual({ resource_id: b, changes: { modelId: { before: b, after: null } } })
    expect(await told(null)).toEqual({ resource_id: tenant.orgId, changes: null })
  })

  it('leaves one default of ten parallel choices', async () => {
    const tenant = await world.tenant()
    const ids = [
      await makeModel(tenant, { label: 'a' }),
      await makeModel(tenant, { label: 'b' }),
      await makeModel(tenant, { label: 'c' }),
    ]
    const answers = await Promise.all(Array.from({ length: 10 }, (_value, index) => put(tenant, ids[index % 3])))
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 10 }, () => 200))
    expect(await defaultsOf(tenant)).toHaveLength(1)
  })

  it('refuses models of others, and the default stays', async () => {
    const tenant = await world.tenant()
    await makeModel(tenant, { label: 'mine' })
    for (const modelId of [await makeModel(await world.tenant()), newWireId('model')])
      expectProblem(setDefaultModel, await put(tenant, modelId), 'model-not-found')
    expectProblem(setDefaultModel, await put(tenant, 'nonsense'), 'validation-error')
    expect(await defaultsOf(tenant)).toEqual(['mine'])
  })
})
