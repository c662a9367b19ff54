import { expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld } from '../../../testing/world.ts'
import { getOrgSettings } from './get-org-settings.ts'
import { organizationsFeature } from './index.ts'

const options = { features: [organizationsFeature] }

describeEndpoint(getOrgSettings, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId } }),
  world: options,
})

it('answers null for an organization that uses the current API version', async () => {
  const world = await openWorld(options)
  const tenant = await world.tenant()
  const { send } = await tenant.session()
  expect((await send(`GET /api/orgs/${tenant.orgId}/settings`)).body).toEqual({
    apiVersion: null,
    auditRetentionDays: null,
  })
  await world.close()
})
