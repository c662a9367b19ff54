import { sql } from 'kysely'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endpoint, ok, type CallerKind } from '../../../platform/http/endpoint.ts'
import { feature } from '../../../platform/http/feature.ts'
import { newWireId, toWireId } from '../../../platform/ids/id.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { requester, type Answer, type Send } from '../../../testing/request.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'

const Seen = Type.Object({
  kind: Type.String(),
  orgId: Type.Optional(Type.String()),
  appId: Type.Optional(Type.String()),
  endUserId: Type.Optional(Type.String()),
})

/** Answers with what the pipeline knows about the caller. */
function echo<const K extends CallerKind>(
  route: `${'GET' | 'POST'} /${string}`,
  caller: K,
  permission: `${string}:${string}` | 'none' = 'none',
) {
  return endpoint({
    route,
    summary: 'Echo',
    caller,
    permission,
    limit: 'default',
    idempotency: 'not-needed',
    audit: 'none',
    ...(caller === 'member' ? { params: { orgId: { id: 'org', missing: 'org-not-found' } } as const } : {}),
    returns: { 200: Seen },
    fails: [],
    async handle({ request }) {
      const { caller: found, authorization } = request.state
      const { scope } = authorization
      return ok({
        kind: found.kind,
        ...(scope === undefined ? {} : { orgId: toWireId('org', scope.organizationId) }),
        ...(scope !== undefined && 'applicationId' in scope ? { appId: toWireId('app', scope.applicationId) } : {}),
        ...(scope !== undefined && 'endUserId' in scope && scope.endUserId !== null
          ? { endUserId: toWireId('eu', scope.endUserId) }
          : {}),
      })
    },
  })
}

const echoes = feature({
  folder: 'accounts/access',
  tag: 'Echo',
  description: 'A feature of this test.',
  endpoints: {
    echoUser: echo('GET /api/echo/user', 'user'),
    echoAdministrator: echo('GET /api/echo/administrator', 'administrator'),
    changeInstance: echo('POST /api/echo/administrator', 'administrator'),
    echoMember: echo('GET /api/echo/orgs/:orgId', 'member', 'org:read'),
    echoOrganization: echo('GET /api/echo/organization', 'organization'),
    echoApplication: echo('GET /api/echo/application', 'application', 'runs:cancel'),
    changeApplication: echo('POST /api/echo/application', 'application', 'runs:cancel'),
  },
})

describe('the identification of callers and tenants', () => {
  let world: World
  let [tenant, stranger]: Tenant[] = []
  const given = (): { tenant: Tenant; stranger: Tenant } => {
    if (tenant === undefined || stranger === undefined) throw new Error('The tenants are made first.')
    return { tenant, stranger }
  }
  beforeAll(async () => {
    world = await openWorld({ features: [echoes], environment: { TRUSTED_ORIGINS: 'https://dash.example.com' } })
    tenant = await world.tenant()
    stranger = await world.tenant()
  })
  afterAll(() => world.close())

  const cookieOnly = async (of: Tenant): Promise<Send> => requester(world.url, { cookie: (await of.session()).cookie })
  const expectOk = (answer: Answer, body: Record<string, string>) => {
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toEqual(body)
  }

  describe('a session', () => {
    it('identifies a user without an organization where none is required', async () => {
      expectOk(await (await cookieOnly(given().tenant))('GET /api/echo/user'), { kind: 'user' })
    })

    it('needs X-Org-Id for an organization: none 400, an unknown, foreign or broken one 404', async () => {
      const send = await cookieOnly(given().tenant)
      const inOrg = (orgId: string) => send('GET /api/echo/organization', { headers: { 'x-org-id': orgId } })
      expectProblem(undefined, await send('GET /api/echo/organization'), 'missing-org-id')
      for (const orgId of [newWireId('org'), given().stranger.orgId, 'nonsense'])
        expectProblem(undefined, await inOrg(orgId), 'org-not-found')
      expectOk(await inOrg(given().tenant.orgId), { kind: 'user', orgId: given().tenant.orgId })
    })

    it('is in the organization of the path, and gets 404 for every other', async () => {
      const send = await cookieOnly(given().tenant)
      expectOk(await send(`GET /api/echo/orgs/${given().tenant.orgId}`), { kind: 'user', orgId: given().tenant.orgId })
      for (const orgId of [given().stranger.orgId, newWireId('org'), 'nonsense'])
        expectProblem(undefined, await send(`GET /api/echo/orgs/${orgId}`), 'org-not-found')
    })

    it('needs X-App-Id for an application; X-Org-Id is optional but must match', async () => {
      const { orgId, appId } = given().tenant
      const send = await cookieOnly(given().tenant)
      const inApp = (headers: Record<string, string>) => send('GET /api/echo/application', { headers })
      expectProblem(undefined, await inApp({ 'x-org-id': orgId }), 'missing-app-id')
      expectOk(await inApp({ 'x-app-id': appId }), { kind: 'user', orgId, appId })
      expectOk(await inApp({ 'x-app-id': appId, 'x-org-id': orgId }), { kind: 'user', orgId, appId })
      expectProblem(undefined, await inApp({ 'x-app-id': appId, 'x-org-id': given().stranger.orgId }), 'app-not-found')
      for (const other of [given().stranger.appId, newWireId('app'), 'nonsense'])
        expectProblem(undefined, await inApp({ 'x-app-id': other }), 'app-not-found')
    })

    it('has the permissions of its role', async () => {
      const viewer = await world.tenant({ role: 'viewer' })
      expectProblem(undefined, await (await viewer.session()).send('GET /api/echo/application'), 'forbidden')
    })

    it('ends when its user is no longer a member', async () => {
      const leaver = await world.tenant()
      const { send } = await leaver.session()
      expect((await send('GET /api/echo/organization')).status).toBe(200)
      await world.platform.db.deleteFrom('organization_members').where('user_id', '=', leaver.userId).execute()
      expectProblem(undefined, await send('GET /api/echo/organization'), 'org-not-found')
    })

    it.each(['better-auth.session_token=forged.AAAA', 'better-auth.session_token=', 'other=1'])(
      'is anonymous with the cookie %j',
      async (cookie) => {
        expectProblem(undefined, await world.send('GET /api/echo/user', { headers: { cookie } }), 'unauthorized')
      },
    )

    it('cannot use Appstrate-User', async () => {
      const { send } = await given().tenant.session()
      const endUser = await given().tenant.endUser()
      expectProblem(
        undefined,
        await send('GET /api/echo/application', { headers: { 'appstrate-user': endUser } }),
        'header-not-allowed',
      )
    })

    it('is refused from a page of another origin, except for reads', async () => {
      const { send } = await given().tenant.session()
      const from = (origin: string, method = 'POST') => send(`${method} /api/echo/application`, { headers: { origin } })
      for (const origin of [
        'https://evil.example.com',
        'null',
        'https://dash.example.com.evil.com',
        'http://dash.example.com',
      ]) {
        expectProblem(undefined, await from(origin), 'origin-not-allowed')
      }
      expect((await from('https://evil.example.com', 'GET')).status).toBe(200)
      expect((await from('https://dash.example.com')).status).toBe(200)
      expect((await send('POST /api/echo/application')).status).toBe(200)
    })
  })

  describe('an administrator of the instance', () => {
    const read = 'GET /api/echo/administrator'
    const write = 'POST /api/echo/administrator'

    it('is a user with the mark, whatever their role in an organization', async () => {
      const [administrator, owner] = [await world.tenant({ role: 'viewer' }), await world.tenant()]
      const { send } = await administrator.administrate()
      for (const route of [read, write]) expectOk(await send(route), { kind: 'user' })
      for (const route of [read, write])
        expectProblem(undefined, await (await owner.session()).send(route), 'administrator-required')
      await world.platform.db.deleteFrom('administrators').where('user_id', '=', administrator.userId).execute()
      for (const route of [read, write]) expectProblem(undefined, await send(route), 'administrator-required')
    })

    it('needs a session: anonymous requests, and API keys of an administrator, are refused', async () => {
      const administrator = await world.tenant()
      await administrator.administrate()
      expectProblem(undefined, await world.send(read), 'unauthorized')
      for (const route of [read, write]) expectProblem(undefined, await administrator.send(route), 'session-required')
    })

    it('needs a sign-in within the last ten minutes for changes, and reads with an older session', async () => {
      const administrator = await world.tenant()
      const { send } = await administrator.administrate()
      const openedBefore = (seconds: number) =>
        sql`update sessions set created_at = now() - ${seconds} * interval '1 s'
          where user_id = ${administrator.userId}`.execute(world.platform.db)
      await openedBefore(500)
      expectOk(await send(write), { kind: 'user' })
      await openedBefore(601)
      expectProblem(undefined, await send(write), 'reauthentication-required')
      expectOk(await send(read), { kind: 'user' })
    })

    it('is refused changes from a page of another origin', async () => {
      const { send } = await (await world.tenant()).administrate()
      const headers = { origin: 'https://evil.example.com' }
      expectProblem(undefined, await send(write, { headers }), 'origin-not-allowed')
    })
  })

  describe('an API key', () => {
    it('is checked before a cookie, and a wrong key does not fall back on the cookie', async () => {
      const { cookie } = await given().tenant.session()
      const { appId, orgId } = given().stranger
      expectOk(await given().stranger.send('GET /api/echo/application', { headers: { cookie } }), {
        kind: 'api-key',
        orgId,
        appId,
      })
      const wrong = { authorization: `Bearer ask_${'0'.repeat(48)}`, cookie }
      expectProblem(undefined, await world.send('GET /api/echo/user', { headers: wrong }), 'unauthorized')
    })

    it('is in its own organization; another X-Org-Id is 403', async () => {
      const { send, orgId } = given().tenant
      expectOk(await send('GET /api/echo/organization'), { kind: 'api-key', orgId })
      expectOk(await send('GET /api/echo/organization', { headers: { 'x-org-id': orgId } }), { kind: 'api-key', orgId })
      expectProblem(
        undefined,
        await send('GET /api/echo/organization', { headers: { 'x-org-id': given().stranger.orgId } }),
        'org-mismatch',
      )
    })

    it('needs X-App-Id, which must be its own application', async () => {
      const { send, orgId, appId } = given().tenant
      const sibling = await given().tenant.sibling()
      expectOk(await send('GET /api/echo/application'), { kind: 'api-key', orgId, appId })
      expectProblem(
        undefined,
        await send('GET /api/echo/application', { headers: { 'x-app-id': '' } }),
        'missing-app-id',
      )
      for (const other of [sibling.appId, given().stranger.appId, 'nonsense']) {
        expectProblem(
          undefined,
          await send('GET /api/echo/application', { headers: { 'x-app-id': other } }),
          'app-mismatch',
        )
      }
    })

    it('cannot call an endpoint that requires a session', async () => {
      expectProblem(undefined, await given().tenant.send('GET /api/echo/user'), 'session-required')
    })

    it('may come from any page, because browsers do not send it by themselves', async () => {
      expect(
        (await given().tenant.send('POST /api/echo/application', { headers: { origin: 'https://evil.example.com' } }))
          .status,
      ).toBe(200)
    })

    it('acts on behalf of end-users of its own application only', async () => {
      const endUser = await given().tenant.endUser()
      const as = (endUserId: string) => given().tenant.sendAs(endUserId)('GET /api/echo/application')
      expect((await as(endUser)).body).toMatchObject({ endUserId: endUser })
      expectProblem(undefined, await as(await given().stranger.endUser()), 'invalid-end-user')
      expectProblem(undefined, await as('nonsense'), 'invalid-end-user-id')
    })
  })

  it('answers 401 without credentials', async () => {
    expectProblem(
      undefined,
      await world.send('GET /api/echo/application', { headers: { 'x-app-id': given().tenant.appId } }),
      'unauthorized',
    )
  })
})
