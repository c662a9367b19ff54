import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getInstanceOrgQuotas } from './get-instance-org-quotas.ts'
import { setInstanceOrgQuotas } from './set-instance-org-quotas.ts'

describeEndpoint(getInstanceOrgQuotas, {
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId } }),
})
describeEndpoint(setInstanceOrgQuotas, {
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId }, body: { endUsers: 5 } }),
})

describe('the quotas of one organization', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ environment: { QUOTA_END_USERS: '2' } })
  })
  afterAll(() => world.close())

  it('are replaced by an administrator, apply at once, and are reported to the organization', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const { send: admin } = await (await world.tenant()).administrate()
    const path = `/api/admin/orgs/${tenant.orgId}/quotas`
    const create = async () => (await tenant.send('POST /api/end-users', { body: {} })).status
    expect([await create(), await create(), await create()]).toEqual([201, 201, 403])
    const raised = await admin(`PUT ${path}`, { body: { endUsers: 3, files: 'unlimited', members: null } })
    expect(raised.body).toMatchObject({
      endUsers: { limit: 3, used: 2, source: 'override' },
      files: { limit: null, source: 'override' },
      members: { source: 'default' },
    })
    expect([await create(), await create()]).toEqual([201, 403])
    const { send: owner } = await tenant.session()
    expect((await owner(`GET /api/orgs/${tenant.orgId}/usage`)).body).toEqual((await admin(`GET ${path}`)).body)
    const log = await owner('GET /api/audit-log', { query: { action: 'quotas.updated' } })
    expect(log.body.data).toMatchObject([
      {
        resourceId: tenant.orgId,
        changes: {
          endUsers: { before: 'default', after: 3 },
          files: { before: 'default', after: 'unlimited' },
        },
      },
    ])
    expect((await admin(`PUT ${path}`, { body: {} })).body.endUsers).toEqual({ limit: 2, used: 3, source: 'default' })
    expect(await create()).toBe(403)
    expect((await (await other.session()).send(`GET /api/orgs/${other.orgId}/usage`)).body.endUsers.limit).toBe(2)
  })

  it('are refused when they are no numbers, and for an organization that does not exist or was deleted', async () => {
    const tenant = await world.tenant()
    const { send: admin } = await (await world.tenant()).administrate()
    const put = (orgId: string, body: object) => admin(`PUT /api/admin/orgs/${orgId}/quotas`, { body })
    for (const body of [{ endUsers: -1 }, { endUsers: 1.5 }, { endUsers: '5' }, { endUsers: 2 ** 60 }, { users: 1 }])
      expectProblem(setInstanceOrgQuotas, await put(tenant.orgId, body), 'validation-error')
    expectProblem(setInstanceOrgQuotas, await put(newWireId('org'), {}), 'org-not-found')
    await (await tenant.session()).send(`DELETE /api/orgs/${tenant.orgId}`)
    expectProblem(setInstanceOrgQuotas, await put(tenant.orgId, { endUsers: 1 }), 'org-not-found')
    expectProblem(getInstanceOrgQuotas, await admin(`GET /api/admin/orgs/${tenant.orgId}/quotas`), 'org-not-found')
  })
})
