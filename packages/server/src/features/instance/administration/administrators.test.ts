import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { openMailbox } from '../../../platform/mail/testing/mailbox.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { fromOurPage } from '../../../testing/factories/session.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { createInstanceUser } from './create-instance-user.ts'
import { grantAdministrator } from './grant-administrator.ts'
import { revokeAdministrator } from './revoke-administrator.ts'
import { suspendUser } from './suspend-user.ts'

describe('the administrators of the instance', () => {
  let world: World
  let tenant: Tenant
  let send: Send
  beforeAll(async () => {
    world = await openWorld()
  })
  beforeEach(async () => {
    await world.platform.db.deleteFrom('administrators').execute()
    tenant = await world.tenant()
    send = (await tenant.administrate()).send
  })
  afterAll(() => world.close())

  const markOf = ({ userId }: Pick<Tenant, 'userId'>) => `/api/admin/users/${userId}/administrator`
  const administrators = async () =>
    (await world.platform.db.selectFrom('administrators').select('user_id').execute()).map((row) => row.user_id)
  const entriesOf = async (resourceId: string) =>
    (
      await world.platform.db
        .selectFrom('audit_log')
        .select(['action', 'organization_id'])
        .where('resource_id', '=', resourceId)
        .orderBy('id')
        .execute()
    ).map(({ action, organization_id: organization }) => [action, organization])

  it('give the mark to users, and take it from others and themselves', async () => {
    const other = await world.tenant()
    const granted = await send(`POST ${markOf(other)}`)
    expect(granted.body).toMatchObject({ id: other.userId, administrator: true })
    expect((await send(`POST ${markOf(other)}`)).status).toBe(200)
    const { send: asOther } = await other.administrate()
    expect((await asOther(`DELETE ${markOf(tenant)}`)).status).toBe(204)
    expectProblem(undefined, await send('GET /api/admin/orgs'), 'administrator-required')
    expect((await asOther(`DELETE ${markOf(tenant)}`)).status).toBe(204)
    expect(await administrators()).toEqual([other.userId])
    expect(await entriesOf(other.userId)).toEqual(Array.from({ length: 2 }, () => ['administrator.granted', null]))
    const events = (await (await other.session()).send('GET /api/profile/security-log')).body.data
    expect(events.map(({ action }: { action: string }) => action)).toEqual(['administrator.granted'])
  })

  it('cannot take it from the last one', async () => {
    const last = await send(`DELETE ${markOf(tenant)}`)
    expectProblem(revokeAdministrator, last, 'last-administrator')
    expect(await administrators()).toEqual([tenant.userId])
  })

  it('leave one when two take it from each other, or each from themselves, at once', async () => {
    const other = await world.tenant()
    const { send: asOther } = await other.administrate()
    const answers = await Promise.all([send(`DELETE ${markOf(other)}`), asOther(`DELETE ${markOf(tenant)}`)])
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 403])
    expect(await administrators()).toHaveLength(1)
    await tenant.administrate()
    const { send: again } = await other.administrate()
    const own = await Promise.all([send(`DELETE ${markOf(tenant)}`), again(`DELETE ${markOf(other)}`)])
    expect(own.map(({ status }) => status).sort()).toEqual([204, 409])
    expect(await administrators()).toHaveLength(1)
  })

  it('cannot be suspended, and a suspended user cannot become one, also at once', async () => {
    const other = await world.tenant()
    const body = { reason: 'Spam.' }
    expectProblem(
      suspendUser,
      await send(`POST /api/admin/users/${tenant.userId}/suspend`, { body }),
      'administrator-not-suspendable',
    )
    const answers = await Promise.all([
      send(`POST /api/admin/users/${other.userId}/suspend`, { body }),
      send(`POST ${markOf(other)}`),
    ])
    const refused = answers.filter(({ status }) => status !== 200)
    expect(refused).toHaveLength(1)
    for (const answer of refused) expectProblem(grantAdministrator, answer, 'administrator-not-suspendable')
    const { administrator, suspension } = (await send(`GET /api/admin/users/${other.userId}`)).body
    expect(administrator).toBe(suspension === null)
  })

  it('answer 404 for a user and an organization that do not exist', async () => {
    const user = newWireId('usr')
    const body = { reason: 'Spam.' }
    for (const route of ['suspend', 'resume', 'revoke-sessions', 'administrator'])
      expectProblem(
        undefined,
        await send(`POST /api/admin/users/${user}/${route}`, route === 'suspend' ? { body } : {}),
        'user-not-found',
      )
    expectProblem(undefined, await send(`DELETE /api/admin/users/${user}/administrator`), 'user-not-found')
    expectProblem(undefined, await send(`GET /api/admin/users/${user}`), 'user-not-found')
    const org = newWireId('org')
    for (const [route, options] of [
      [`GET /api/admin/orgs/${org}`, {}],
      [`POST /api/admin/orgs/${org}/suspend`, { body }],
      [`POST /api/admin/orgs/${org}/resume`, {}],
    ] as const)
      expectProblem(undefined, await send(route, options), 'org-not-found')
  })

  it('create users, who set their password by a link; a new link ends the earlier one', async () => {
    const email = `New-${randomBytes(6).toString('hex')}@Example.com`
    const create = () => send('POST /api/admin/users', { body: { email, displayName: 'New Person' } })
    const [first, second] = [await create(), await create()]
    expect(first.body.user).toMatchObject({ email: email.toLowerCase(), displayName: 'New Person', organizations: 0 })
    expect(first.headers.get('location')).toBe(`/api/admin/users/${first.body.user.id}`)
    expect(second.body.user.id).toBe(first.body.user.id)
    const setPassword = (link: string, newPassword: string) =>
      fromOurPage(world)('POST /api/auth/reset-password', {
        body: { token: new URL(link).pathname.split('/').at(-1), newPassword },
      })
    expectProblem(
      undefined,
      await setPassword(first.body.passwordLink, 'correct horse battery'),
      'auth-request-refused',
    )
    expectProblem(undefined, await setPassword(second.body.passwordLink, '12345678'), 'weak-password')
    expect((await setPassword(second.body.passwordLink, 'correct horse battery')).status).toBe(200)
    const again = await setPassword(second.body.passwordLink, 'another horse battery')
    expectProblem(undefined, again, 'auth-request-refused')
    expectProblem(createInstanceUser, await create(), 'user-exists')
    const signIn = { body: { email, password: 'correct horse battery' } }
    expect((await fromOurPage(world)('POST /api/auth/sign-in/email', signIn)).status).toBe(200)
    expect(await entriesOf(first.body.user.id)).toEqual(Array.from({ length: 2 }, () => ['user.created', null]))
    const stored = await world.platform.db.selectFrom('verifications').select('identifier').execute()
    expect(JSON.stringify(stored)).not.toContain(new URL(first.body.passwordLink).pathname.split('/').at(-1))
  })

  it('get one working link if they ask for several at the same time', async () => {
    const email = `new-${randomBytes(6).toString('hex')}@example.com`
    const create = () => send('POST /api/admin/users', { body: { email } })
    const answers = await Promise.all(Array.from({ length: 12 }, create))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
    const works = answers.map(({ body }) => world.send(`GET ${new URL(body.passwordLink).pathname}?callbackURL=%2F`))
    const locations = (await Promise.all(works)).map(({ headers }) => headers.get('location'))
    expect(locations.filter((location) => location?.includes('error') === false)).toHaveLength(1)
  })

  it('cannot be overtaken: the first password of a new user ends every other link', async () => {
    const mailbox = await openMailbox()
    const mailing = await openWorld({ environment: { SMTP_URL: mailbox.url, APP_URL: 'http://localhost:3000' } })
    const email = `new-${randomBytes(6).toString('hex')}@example.com`
    const administrator = await (await mailing.tenant()).administrate()
    const tokenIn = async () => {
      await expect.poll(() => mailbox.mails.length, { timeout: 15_000 }).toBe(1)
      return /reset-password\/([\w-]+)/.exec(mailbox.mails.shift() ?? '')?.[1]
    }
    await administrator.send('POST /api/admin/users', { body: { email } })
    const first = await tokenIn()
    await fromOurPage(mailing)('POST /api/auth/request-password-reset', { body: { email } })
    const second = await tokenIn()
    const setPassword = (token: string | undefined, newPassword: string) =>
      fromOurPage(mailing)('POST /api/auth/reset-password', { body: { token, newPassword } })
    expect((await setPassword(first, 'correct horse battery')).status).toBe(200)
    expectProblem(undefined, await setPassword(second, 'another horse battery'), 'auth-request-refused')
    await mailing.close()
    await mailbox.close()
  })

  it('never get the link of a user who can sign in by other means', async () => {
    const { userId, slug } = await world.tenant()
    const id = randomBytes(6).toString('hex')
    await world.platform.db
      .insertInto('accounts')
      .values({ id, user_id: userId, account_id: id, provider_id: 'github' })
      .execute()
    const taken = await send('POST /api/admin/users', { body: { email: `${slug}@example.com` } })
    expectProblem(createInstanceUser, taken, 'user-exists')
    expect(taken.text).not.toContain('reset-password')
  })

  it('see names, counts and states, and nothing of what an organization contains', async () => {
    const other = await world.tenant()
    await other.sibling()
    await other.endUser()
    const org = (await send(`GET /api/admin/orgs/${other.orgId}`)).body
    expect(org).toEqual({
      id: other.orgId,
      name: 'Test Org',
      slug: other.slug,
      members: 1,
      applications: 2,
      suspension: null,
      createdAt: expect.any(String),
    })
    const user = (await send(`GET /api/admin/users/${other.userId}`)).body
    expect(user).toEqual({
      id: other.userId,
      displayName: 'Test Owner',
      email: `${other.slug}@example.com`,
      emailVerified: true,
      administrator: false,
      organizations: 1,
      suspension: null,
      createdAt: expect.any(String),
      memberships: [{ orgId: other.orgId, name: 'Test Org', role: 'owner' }],
    })
    const scoped = { headers: { 'x-org-id': other.orgId, 'x-app-id': other.appId } }
    for (const path of ['runs', 'files', 'agents', 'api-keys', 'end-users'])
      expectProblem(undefined, await send(`GET /api/${path}`, scoped), 'app-not-found')
    expectProblem(undefined, await send(`GET /api/orgs/${other.orgId}`), 'org-not-found')
  })
})
