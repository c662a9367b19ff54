import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../applications/index.ts'
import { createOrg } from './create-org.ts'
import { organizationsFeature } from './index.ts'

const options = { features: [organizationsFeature, applicationsFeature] }
const newSlug = () => `acme-${randomBytes(5).toString('hex')}`

describeEndpoint(createOrg, {
  as: 'session',
  given: async () => newSlug(),
  call: (slug) => ({ body: { name: 'Acme', slug } }),
  world: options,
})

describe('creating an organization', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())
  const session = async () => (await world.tenant()).session()

  it('makes its creator the owner, pins the current API version and creates the application Default', async () => {
    const { send } = await session()
    const slug = newSlug()
    const answer = await send('POST /api/orgs', { body: { name: 'Acme', slug } })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('location')).toBe(`/api/orgs/${answer.body.id}`)
    expect(answer.body).toMatchObject({ name: 'Acme', slug, role: 'owner' })
    expect((await send(`GET /api/orgs/${answer.body.id}`)).body).toEqual(answer.body)
    expect((await send(`GET /api/orgs/${answer.body.id}/settings`)).body).toEqual({
      apiVersion: world.platform.versions.current,
      auditRetentionDays: null,
    })
    const applications = await send('GET /api/applications', { headers: { 'x-org-id': answer.body.id } })
    expect(applications.body.data).toMatchObject([{ name: 'Default', isDefault: true, orgId: answer.body.id }])
  })

  it('records its audit entry in the new organization', async () => {
    const { send } = await session()
    const answer = await send('POST /api/orgs', { body: { name: 'Audited' } })
    const entry = await world.platform.db
      .selectFrom('audit_log as a')
      .innerJoin('organizations as o', 'o.id', 'a.organization_id')
      .select(['o.name', 'a.resource_id'])
      .where('a.request_id', '=', String(answer.headers.get('request-id')))
      .executeTakeFirst()
    expect(entry).toEqual({ name: 'Audited', resource_id: answer.body.id })
  })

  it('answers 409 to a slug that is taken, and creates nothing', async () => {
    const { send } = await session()
    const slug = newSlug()
    expect((await send('POST /api/orgs', { body: { name: 'First', slug } })).status).toBe(201)
    expectProblem(createOrg, await send('POST /api/orgs', { body: { name: 'Second', slug } }), 'slug-taken')
    const names = (await send('GET /api/orgs')).body.data.map(({ name }: { name: string }) => name)
    expect(names).toContain('First')
    expect(names).not.toContain('Second')
  })

  it('derives the slug from the name, and adds a suffix if it is taken', async () => {
    const { send } = await session()
    const create = async (name: string): Promise<string> => (await send('POST /api/orgs', { body: { name } })).body.slug
    expect(await create('Größe & Co.')).toBe('gro-e-co')
    expect(await create('Größe & Co.')).toMatch(/^gro-e-co-[0-9a-f]{8}$/)
    expect(await create('日本')).toMatch(/^org-[0-9a-f]{8}$/)
  })

  it('creates no more than a user may own, however many are requested at a time', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const create = () => send('POST /api/orgs', { body: { name: 'Many' } })
    const answers = await Promise.all(Array.from({ length: 20 }, create))
    // The user owns the organization of the tenant already.
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(9)
    const refused = answers.filter(({ status }) => status !== 201)
    for (const answer of refused) expectProblem(createOrg, answer, 'quota-exceeded')
    expect(refused[0]?.body).toMatchObject({ status: 403, quota: 'organizations', limit: 10, used: 10 })
    const own = (await send('GET /api/orgs')).body.data
    expect(own).toHaveLength(10)
    // A deleted one does not count, and another user's do not either.
    const [{ id, slug }] = own
    expect((await send(`DELETE /api/orgs/${id}`, { body: { confirm: slug } })).status).toBeLessThan(300)
    expect([(await create()).status, (await create()).status]).toEqual([201, 403])
    expect((await (await session()).send('POST /api/orgs', { body: { name: 'Other' } })).status).toBe(201)
  })

  it('does not limit administrators of the instance', async () => {
    const { send } = await (await world.tenant()).administrate()
    for (let count = 0; count < 11; count += 1)
      expect((await send('POST /api/orgs', { body: { name: 'Many' } })).status).toBe(201)
  })

  it.each(['Acme', '-acme', 'acme-', 'a b', '', 'x'.repeat(51)])('refuses the slug %j', async (slug) => {
    const { send } = await session()
    const answer = await send('POST /api/orgs', { body: { name: 'Acme', slug } })
    expectProblem(createOrg, answer, 'validation-error')
    expect(answer.body.errors[0].pointer).toBe('/slug')
  })
})
