import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { countRows, fillApplication, tablesWith } from '../applications/testing/fill-application.ts'
import { membersFeature } from '../members/index.ts'
import { addPerson } from '../members/testing/person.ts'
import { removeAll } from '../removals/testing/remove-all.ts'
import { deleteOrg } from './delete-org.ts'
import { organizationsFeature } from './index.ts'

const options = { features: [organizationsFeature, membersFeature] }

describeEndpoint(deleteOrg, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId } }),
  world: options,
})

describe('deleting an organization', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('deletes its rows from every table, and stops its API keys immediately', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    await fill(world, tenant)
    await fill(world, other)
    const byOrganization = await tablesWith(world, 'organization_id')
    const byApplication = (await tablesWith(world, 'application_id')).filter((table) => !byOrganization.includes(table))
    const count = async ({ organizationId, applicationId }: Tenant) => ({
      ...(await countRows(world, byOrganization, { column: 'organization_id', value: organizationId })),
      ...(await countRows(world, byApplication, { column: 'application_id', value: applicationId })),
    })
    const before = await count(tenant)
    // An organization that is suspended cannot be deleted by its owner: see `suspension-store.test.ts`.
    expect(Object.keys(before).filter((table) => before[table] === 0)).toEqual(['organization_suspensions'])
    const ofOther = await count(other)
    expect((await tenant.send(`GET /api/orgs/${tenant.orgId}`)).status).toBe(403)
    const { send } = await tenant.session()
    expect((await send(`DELETE /api/orgs/${tenant.orgId}`)).status).toBe(204)
    await removeAll(world)
    expect(Object.entries(await count(tenant)).filter(([, rows]) => rows !== 0)).toEqual([])
    expect(await count(other)).toEqual(ofOther)
    expectProblem(deleteOrg, await tenant.send(`GET /api/orgs/${tenant.orgId}`), 'unauthorized')
    expectProblem(deleteOrg, await send(`DELETE /api/orgs/${tenant.orgId}`), 'org-not-found')
    expect((await send('GET /api/orgs')).body.data).toEqual([])
  })

  it.each(['pending', 'running', 'waiting'] as const)('is refused while a run is %s', async (status) => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    await insertRun(world.platform, { ...tenant, ...sibling }, { status })
    const { send } = await tenant.session()
    expectProblem(deleteOrg, await send(`DELETE /api/orgs/${tenant.orgId}`), 'org-in-use')
    expect((await send(`GET /api/orgs/${tenant.orgId}`)).status).toBe(200)
  })

  it('succeeds once if it is requested several times concurrently', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const answers = await Promise.all([1, 2, 3].map(() => send(`DELETE /api/orgs/${tenant.orgId}`)))
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404, 404])
  })

  it('has one winner if the ownership is transferred concurrently', async () => {
    const tenant = await world.tenant()
    const heir = await addPerson(world, tenant)
    const { send } = await tenant.session()
    const [deletion, transfer] = await Promise.all([
      send(`DELETE /api/orgs/${tenant.orgId}`),
      send(`POST /api/orgs/${tenant.orgId}/transfer-ownership`, { body: { userId: heir.userId } }),
    ])
    expect([
      [204, 404],
      [403, 200],
    ]).toContainEqual([deletion.status, transfer.status])
  })

  it.each(['admin', 'member', 'viewer'] as const)('requires an owner: refuses a %s', async (role) => {
    const tenant = await world.tenant({ role })
    const { send } = await tenant.session()
    expectProblem(deleteOrg, await send(`DELETE /api/orgs/${tenant.orgId}`), 'forbidden')
  })
})

/** Inserts at least one row into every table that belongs to a tenant. */
async function fill(world: World, tenant: Tenant): Promise<void> {
  const { db } = world.platform
  const { organizationId } = tenant
  await fillApplication(world, tenant)
  const keyId = newUuid()
  await db
    .insertInto('provider_keys')
    .values({ id: keyId, organization_id: organizationId, label: 'k', api: 'openai', encrypted_key: 'x' })
    .execute()
  await db
    .insertInto('models')
    .values({ id: newUuid(), organization_id: organizationId, provider_key_id: keyId, label: 'm', model_id: 'm' })
    .execute()
  await db
    .insertInto('audit_chains')
    .values({ organization_id: organizationId, seq: 1, hash: Buffer.alloc(32) })
    .execute()
  const invitation = {
    id: newUuid(),
    email: 'a@example.com',
    role: 'member',
    status: 'pending',
    token_hash: randomBytes(32),
    expires_at: new Date(),
  } as const
  await db
    .insertInto('invitations')
    .values({ ...invitation, organization_id: organizationId })
    .execute()
}
