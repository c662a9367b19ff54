import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { membersFeature } from '../members/index.ts'
import { addPerson } from '../members/testing/person.ts'
import { createInvitation } from './create-invitation.ts'
import { invitationsFeature } from './index.ts'
import { invite, newEmail, tokenOf } from './testing/invited.ts'

const options = { features: [invitationsFeature, membersFeature], environment: { APP_URL: 'http://app.example' } }

describeEndpoint(createInvitation, {
  as: 'session',
  given: async (tenant) => tenant.orgId,
  call: (orgId) => ({ params: { orgId }, body: { email: newEmail(), role: 'member' } }),
  world: options,
})

describe('inviting', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('returns the link if there is no mail server, valid for seven days, with the address in lower case', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const email = newEmail()
    const answer = await send(`POST /api/orgs/${tenant.orgId}/invitations`, {
      body: { email: email.toUpperCase(), role: 'admin' },
    })
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^inv_[0-9a-z]{26}$/),
      email,
      role: 'admin',
      status: 'pending',
      expiresAt: expect.any(String),
      createdAt: expect.any(String),
      link: expect.stringMatching(/^http:\/\/app\.example\/invite\/[\w-]{43}$/),
    })
    expect(Date.parse(answer.body.expiresAt) - Date.parse(answer.body.createdAt)).toBe(7 * 86_400_000)
    expect((await send(`GET ${answer.headers.get('location')}`)).body).toEqual(answer.body)
  })

  it('stores the token hashed and sealed, and keeps it out of the audit log', async () => {
    const tenant = await world.tenant()
    const { token } = await invite(tenant)
    const rows = await world.platform.db
      .selectFrom('invitations')
      .selectAll()
      .where('organization_id', '=', tenant.organizationId)
      .execute()
    const entries = await world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('organization_id', '=', tenant.organizationId)
      .execute()
    expect(rows).toHaveLength(1)
    expect(JSON.stringify([rows, entries, world.logLines])).not.toContain(token)
    expect(entries).toMatchObject([
      { action: 'invitation.created', changes: { role: { before: null, after: 'member' } } },
    ])
  })

  it('replaces an earlier invitation of the same address, whose link stops working', async () => {
    const tenant = await world.tenant()
    const first = await invite(tenant)
    const second = await invite(tenant, { email: first.email, role: 'viewer' })
    expectProblem(undefined, await world.send(`GET /api/invitations/${first.token}`), 'invitation-cancelled')
    expect((await world.send(`GET /api/invitations/${second.token}`)).body.role).toBe('viewer')
    const { body } = await (await tenant.session()).send(`GET /api/orgs/${tenant.orgId}/invitations`)
    expect(body.data.map(({ id, status }: { id: string; status: string }) => [id, status])).toEqual([
      [second.id, 'pending'],
      [first.id, 'cancelled'],
    ])
  })

  it('leaves one pending invitation if the same address is invited several times concurrently', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const email = newEmail()
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        send(`POST /api/orgs/${tenant.orgId}/invitations`, { body: { email, role: 'member' } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201])
    const links = await Promise.all(answers.map(({ body }) => world.send(`GET /api/invitations/${tokenOf(body.link)}`)))
    expect(links.map(({ status }) => status).sort()).toEqual([200, 410, 410, 410, 410])
  })

  it('answers 409 for a member, regardless of case, and invites a member of another organization', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const [person, foreigner] = [await addPerson(world, tenant, 'viewer'), await addPerson(world, other)]
    const { send } = await tenant.session()
    const create = (email: string) =>
      send(`POST /api/orgs/${tenant.orgId}/invitations`, { body: { email, role: 'member' } })
    expectProblem(createInvitation, await create(person.email.toUpperCase()), 'already-member')
    expect((await create(foreigner.email)).status).toBe(201)
  })

  it('allows 500 pending invitations; expired ones and other organizations do not count', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const { db } = world.platform
    const insert = (organizationId: string, days: number) => (_: unknown, n: number) => {
      const expires = new Date(Date.now() + days * 86_400_000)
      return {
        id: newUuid(),
        organization_id: organizationId,
        email: `n${n}.${days}@example.com`,
        role: 'member' as const,
        status: 'pending' as const,
        token_hash: Buffer.from(newUuid().replaceAll('-', '')),
        expires_at: expires,
      }
    }
    await db
      .insertInto('invitations')
      .values(Array.from({ length: 499 }, insert(tenant.organizationId, 7)))
      .execute()
    await db
      .insertInto('invitations')
      .values(Array.from({ length: 20 }, insert(tenant.organizationId, -1)))
      .execute()
    await invite(tenant)
    const { send } = await tenant.session()
    expectProblem(
      createInvitation,
      await send(`POST /api/orgs/${tenant.orgId}/invitations`, { body: { email: newEmail(), role: 'member' } }),
      'too-many-invitations',
    )
    expect((await invite(tenant, { email: 'n7.7@example.com' })).email).toBe('n7.7@example.com')
    expect((await invite(other)).id).toMatch(/^inv_/)
  })

  it.each([
    ['owner', 201],
    ['admin', 201],
    ['member', 403],
    ['viewer', 403],
  ] as const)('answers a %s with %i', async (role, status) => {
    const tenant = await world.tenant()
    const { send } = role === 'owner' ? await tenant.session() : await addPerson(world, tenant, role)
    for (const given of ['admin', 'member', 'viewer']) {
      expect(
        (await send(`POST /api/orgs/${tenant.orgId}/invitations`, { body: { email: newEmail(), role: given } })).status,
        given,
      ).toBe(status)
    }
  })

  it.each([
    { email: 'nobody', role: 'member' },
    { email: 'a@example.com', role: 'owner' },
    { email: 'a@example.com\r\nBcc: b@example.com', role: 'member' },
    { role: 'member' },
    { email: 'a@example.com' },
  ])('refuses %j', async (body) => {
    const tenant = await world.tenant()
    expectProblem(
      createInvitation,
      await (await tenant.session()).send(`POST /api/orgs/${tenant.orgId}/invitations`, { body }),
      'validation-error',
    )
  })
})
