import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { addPerson } from '../members/testing/person.ts'
import { openMailbox } from '../../../platform/mail/testing/mailbox.ts'
import { invitationsFeature } from './index.ts'
import { resendInvitation } from './resend-invitation.ts'
import { invite, newEmail, tokenOf } from './testing/invited.ts'

const start = new Date('2026-03-21T09:30:00.000Z')
let now = start
const options = { features: [invitationsFeature], clock: { now: () => now } }

describeEndpoint(resendInvitation, {
  as: 'session',
  given: (tenant) => invite(tenant),
  call: ({ orgId, id }) => ({ params: { orgId, invitationId: id } }),
  world: { features: options.features },
})

describe('sending an invitation again', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('creates a new link for another seven days, also after the expiry, and invalidates the earlier link', async () => {
    now = start
    const tenant = await world.tenant()
    const invited = await invite(tenant)
    now = new Date(start.getTime() + 9 * 86_400_000)
    expectProblem(undefined, await world.send(`GET /api/invitations/${invited.token}`), 'invitation-expired')
    const { body } = await (await tenant.session()).send(
      `POST /api/orgs/${tenant.orgId}/invitations/${invited.id}/resend`,
    )
    expect(body).toMatchObject({
      id: invited.id,
      email: invited.email,
      status: 'pending',
      expiresAt: '2026-04-06T09:30:00.000Z',
    })
    expect((await world.send(`GET /api/invitations/${tokenOf(body.link)}`)).status).toBe(200)
    expectProblem(undefined, await world.send(`GET /api/invitations/${invited.token}`), 'invitation-not-found')
  })

  it('answers 409 to a cancelled invitation, and 404 to an unknown one', async () => {
    const tenant = await world.tenant()
    const invited = await invite(tenant)
    const { send } = await tenant.session()
    const route = (id: string, action = '/resend') => `/api/orgs/${tenant.orgId}/invitations/${id}${action}`
    await send(`DELETE ${route(invited.id, '')}`)
    expectProblem(resendInvitation, await send(`POST ${route(invited.id)}`), 'invitation-not-pending')
    expectProblem(resendInvitation, await send(`POST ${route(newWireId('inv'))}`), 'invitation-not-found')
    const foreign = await invite(await world.tenant())
    expectProblem(resendInvitation, await send(`POST ${route(foreign.id)}`), 'invitation-not-found')
  })

  it('does not renew an expired invitation beyond the limit', async () => {
    now = start
    const tenant = await world.tenant()
    const invited = await invite(tenant)
    now = new Date(start.getTime() + 9 * 86_400_000)
    const expires = new Date(now.getTime() + 86_400_000)
    const row = (_: unknown, n: number) => ({
      id: newUuid(),
      organization_id: tenant.organizationId,
      email: `n${n}@example.com`,
      role: 'member' as const,
      status: 'pending' as const,
      token_hash: Buffer.from(newUuid().replaceAll('-', '')),
      expires_at: expires,
    })
    await world.platform.db
      .insertInto('invitations')
      .values(Array.from({ length: 500 }, row))
      .execute()
    expectProblem(
      resendInvitation,
      await (await tenant.session()).send(`POST /api/orgs/${tenant.orgId}/invitations/${invited.id}/resend`),
      'too-many-invitations',
    )
  })

  it.each([
    ['admin', 200],
    ['member', 403],
    ['viewer', 403],
  ] as const)('answers a %s with %i', async (role, status) => {
    const tenant = await world.tenant()
    const { id } = await invite(tenant)
    expect(
      (await (await addPerson(world, tenant, role)).send(`POST /api/orgs/${tenant.orgId}/invitations/${id}/resend`))
        .status,
    ).toBe(status)
  })
})

describe('with a mail server', () => {
  it('the link is only in the mail, not in replies or in the database', async () => {
    const mailbox = await openMailbox()
    const world = await openWorld({
      features: options.features,
      environment: { SMTP_URL: mailbox.url, APP_URL: 'http://app.example' },
    })
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const email = newEmail()
    const created = await send(`POST /api/orgs/${tenant.orgId}/invitations`, { body: { email, role: 'viewer' } })
    const nextMail = async () => {
      await expect.poll(() => mailbox.mails.length, { timeout: 10_000 }).toBeGreaterThan(0)
      return mailbox.mails.shift() ?? ''
    }
    const first = await nextMail()
    expect(first).toMatch(new RegExp(`^To: ${email}$`, 'm'))
    expect(first).toMatch(/^Subject: Test Owner invites you to Test Org$/m)
    const resent = await send(`POST /api/orgs/${tenant.orgId}/invitations/${created.body.id}/resend`)
    const second = await nextMail()
    const tokens = [first, second].map((mail) => /http:\/\/app\.example\/invite\/([\w-]{43})/.exec(mail)?.[1] ?? 'none')
    expect((await world.send(`GET /api/invitations/${tokens[0]}`)).status).toBe(404)
    expect((await world.send(`GET /api/invitations/${tokens[1]}`)).body).toMatchObject({
      email,
      orgName: 'Test Org',
      inviterName: 'Test Owner',
      role: 'viewer',
      isNewUser: true,
    })
    const list = await send(`GET /api/orgs/${tenant.orgId}/invitations`)
    for (const body of [created.body, resent.body, list.body.data[0]]) expect(body).not.toHaveProperty('link')
    const rows = await world.platform.db.selectFrom('invitations').selectAll().execute()
    expect(rows).toMatchObject([{ encrypted_token: null }])
    expect(JSON.stringify(rows) + world.logLines.join()).not.toContain(tokens[1])
    await world.close()
    await mailbox.close()
  })
})
