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

  it('changes, removes and restores the default', async () => {
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

  it('records the old and the new default in the audit log', async () => {
    const tenant = await world.tenant()
    const [a, b] = [await makeModel(tenant, { label: 'a' }), await makeModel(tenant, { label: 'b' })]
    const auditEntryOf = async (modelId: string | null) => {
      const answer = await put(tenant, modelId)
      const { resource_id, changes } = await world.platform.db
        .selectFrom('audit_log')
        .selectAll()
        .where('request_id', '=', String(answer.headers.get('request-id')))
        .executeTakeFirstOrThrow()
      return { resource_id, changes }
    }
    expect(await auditEntryOf(b)).toEqual({ resource_id: b, changes: { modelId: { before: a, after: b } } })
    expect(await auditEntryOf(null)).toEqual({ resource_id: b, changes: { modelId: { before: b, after: null } } })
    expect(await auditEntryOf(null)).toEqual({ resource_id: tenant.orgId, changes: null })
  })

  it('leaves one default after ten parallel requests', async () => {
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

  it("refuses another organization's models and keeps the default", async () => {
    const tenant = await world.tenant()
    await makeModel(tenant, { label: 'mine' })
    for (const modelId of [await makeModel(await world.tenant()), newWireId('model')])
      expectProblem(setDefaultModel, await put(tenant, modelId), 'model-not-found')
    expectProblem(setDefaultModel, await put(tenant, 'nonsense'), 'validation-error')
    expect(await defaultsOf(tenant)).toEqual(['mine'])
  })
})
