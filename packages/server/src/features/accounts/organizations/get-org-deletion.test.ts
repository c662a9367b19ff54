import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { fillApplication } from '../applications/testing/fill-application.ts'
import { addPerson } from '../members/testing/person.ts'
import { getOrgDeletion } from './get-org-deletion.ts'
import { organizationsFeature } from './index.ts'

const options = { features: [organizationsFeature] }

describeEndpoint(getOrgDeletion, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId } }),
  world: options,
})

describe('previewing the deletion of an organization', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('counts over all its applications, without other organizations', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const sibling = await tenant.sibling()
    await fillApplication(world, tenant)
    await fillApplication(world, other)
    await insertRun(world.platform, { ...tenant, ...sibling }, { status: 'waiting' })
    await addPerson(world, tenant, 'viewer')
    const { hooks } = world.platform
    const fields = [hooks.contentsOf('organization'), hooks.contentsOf('application')].flatMap(Object.keys)
    expect((await (await tenant.session()).send(`GET /api/orgs/${tenant.orgId}/deletion`)).body).toEqual({
      deletes: {
        ...Object.fromEntries(fields.map((field) => [field, 0])),
        members: 2,
        invitations: 0,
        applications: 2,
        agents: 2,
        runs: 2,
        files: 1,
        endUsers: 1,
        apiKeys: 2,
        schedules: 1,
        webhooks: 1,
        packages: 2,
        models: 0,
        providerKeys: 0,
      },
      blockedBy: { activeRuns: 1 },
      countMax: 10_000,
    })
  })

  it.each(['admin', 'member', 'viewer'] as const)('requires an owner: refuses a %s', async (role) => {
    const tenant = await world.tenant({ role })
    expectProblem(
      getOrgDeletion,
      await (await tenant.session()).send(`GET /api/orgs/${tenant.orgId}/deletion`),
      'forbidden',
    )
  })
})
