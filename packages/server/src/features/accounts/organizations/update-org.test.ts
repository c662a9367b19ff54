import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { organizationsFeature } from './index.ts'
import { updateOrg } from './update-org.ts'

const options = { features: [organizationsFeature] }

describeEndpoint(updateOrg, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId }, body: { name: 'Renamed' } }),
  world: options,
})

describe('changing an organization', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('changes only the given fields', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const slug = `new-${randomBytes(5).toString('hex')}`
    expect((await send(`PATCH /api/orgs/${tenant.orgId}`, { body: { name: 'Renamed' } })).body).toMatchObject({
      name: 'Renamed',
      slug: tenant.slug,
    })
    expect((await send(`PATCH /api/orgs/${tenant.orgId}`, { body: { slug } })).body).toMatchObject({
      name: 'Renamed',
      slug,
      role: 'owner',
    })
    expect((await send(`GET /api/orgs/${tenant.orgId}`)).body).toMatchObject({ name: 'Renamed', slug })
  })

  it('records the values before and after in the audit log', async () => {
    const tenant = await world.tenant()
    const slug = `new-${randomBytes(5).toString('hex')}`
    const answer = await (await tenant.session()).send(`PATCH /api/orgs/${tenant.orgId}`, {
      body: { name: 'Test Org', slug },
    })
    const requestId = String(answer.headers.get('request-id'))
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .select(['resource_id', 'changes'])
      .where('request_id', '=', requestId)
      .executeTakeFirst()
    expect(entry).toEqual({ resource_id: tenant.orgId, changes: { slug: { before: tenant.slug, after: slug } } })
  })

  it.each(['Acme', '-acme', 'acme-', 'a b', '', 'x'.repeat(51)])('refuses the slug %j', async (slug) => {
    const tenant = await world.tenant()
    expectProblem(
      updateOrg,
      await (await tenant.session()).send(`PATCH /api/orgs/${tenant.orgId}`, { body: { slug } }),
      'validation-error',
    )
  })

  it('answers 409 to the slug of another organization', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const { send } = await tenant.session()
    expectProblem(
      updateOrg,
      await send(`PATCH /api/orgs/${tenant.orgId}`, { body: { name: 'Never', slug: other.slug } }),
      'slug-taken',
    )
    expect((await send(`GET /api/orgs/${tenant.orgId}`)).body).toMatchObject({ name: 'Test Org', slug: tenant.slug })
    expect((await send(`PATCH /api/orgs/${tenant.orgId}`, { body: { slug: tenant.slug } })).status).toBe(200)
  })

  it.each([
    ['owner', 200],
    ['admin', 200],
    ['member', 403],
    ['viewer', 403],
  ] as const)('answers a %s with %i', async (role, status) => {
    const tenant = await world.tenant({ role })
    const { send } = await tenant.session()
    expect((await send(`PATCH /api/orgs/${tenant.orgId}`, { body: { name: 'Renamed' } })).status).toBe(status)
  })
})
