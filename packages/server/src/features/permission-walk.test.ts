import { typeidUnboxed } from 'typeid-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listOperations, splitRoute, type Operation } from '../platform/http/api.ts'
import { createPermissions, roles, type Role } from '../platform/access/permissions.ts'
import { newWireId } from '../platform/ids/id.ts'
import type { Tenant } from '../testing/factories/tenant.ts'
import { exampleForm, fillRoute, paramsOf } from '../testing/isolation/attempt.ts'
import { exampleBody, exampleQuery, type IdField } from '../testing/isolation/example-request.ts'
import { requiredPermissions } from '../platform/http/endpoint.ts'
import { openWorld, type World } from '../testing/world.ts'
import { features } from './index.ts'

const operations = listOperations(features)
const permissions = createPermissions(features)
// The matrix gives the owner every permission, which its own test checks.
const everyPermission = [...permissions.of('owner')]

/** Operations that anyone may call: they require no credentials, or check their own. */
const forAnyone: Readonly<Record<string, string>> = {
  signUpEmail: 'creates an account',
  signInEmail: 'checks the password',
  signOut: "ends the cookie's own session",
  getSession: "shows the cookie's own session",
  relayAuthGet: 'the auth library checks the request itself',
  relayAuthPost: 'the auth library checks the request itself',
  getPublicInvitation: 'the token in the link is the credential',
  acceptInvitation: 'the token in the link is the credential',
  getHealth: 'shows only that the process is alive',
  getReady: 'shows only which components work',
  showInvitation: 'the token in the link is the credential',
  showWelcome: 'a page of links',
  getInstance: 'what a page needs before somebody has signed in',
}
/** Operations of every signed-in user on their own data. */
const forEveryUser: Readonly<Record<string, string>> = {
  createOrg: 'becomes its owner',
  listOrgs: 'their own',
  getProfile: 'their own',
  updateProfile: 'their own',
  listSessions: 'their own',
  listSecurityLog: 'their own',
  revokeSession: 'their own',
  revokeOtherSessions: 'their own',
}
/** Operations of administrators of the instance. */
const forAdministrators: readonly string[] = [
  'createInstanceUser',
  'getInstanceOrg',
  'getInstanceOrgQuotas',
  'getInstanceUser',
  'grantAdministrator',
  'listInstanceOrgs',
  'listInstanceUsers',
  'resumeOrg',
  'resumeUser',
  'revokeAdministrator',
  'revokeUserSessions',
  'setInstanceOrgQuotas',
  'suspendOrg',
  'suspendUser',
]
/** Kinds of callers outside of organizations. */
const outside: readonly string[] = ['anyone', 'user', 'administrator']
/** Operations that every member may call, with any role. */
const forEveryMember: Readonly<Record<string, string>> = {}
/** Permissions that no endpoint declares. */
const reserved: Readonly<Record<string, string>> = {
  'agents:configure': 'for the settings that an agent has in one application, which come with packages',
}

describe('the access rule of every operation', () => {
  const inTenants = operations.filter(({ endpoint }) => !outside.includes(endpoint.caller))

  it.each(inTenants.map((operation) => [operation.id, operation] as const))(
    '%s requires a permission of the matrix',
    (id, { endpoint }) => {
      if (endpoint.permission === 'none')
        expect(Object.keys(forEveryMember), `${id} needs a permission, or a reason in forEveryMember`).toContain(id)
      else expect(everyPermission).toContain(endpoint.permission)
    },
  )

  it('is listed with a reason for exactly the operations that require no membership', () => {
    const of = (caller: string) =>
      operations
        .filter(({ endpoint }) => endpoint.caller === caller)
        .map(({ id }) => id)
        .sort()
    expect(of('anyone')).toEqual(Object.keys(forAnyone).sort())
    expect(of('user')).toEqual(Object.keys(forEveryUser).sort())
    expect(of('administrator')).toEqual([...forAdministrators].sort())
    const asked = operations.filter(
      ({ endpoint }) => outside.includes(endpoint.caller) && endpoint.permission !== 'none',
    )
    expect(
      asked.map(({ id }) => id),
      'outside a tenant there are no permissions',
    ).toEqual([])
  })

  it('uses every permission except those reserved with a reason', () => {
    const used = new Set(operations.flatMap(({ endpoint }) => requiredPermissions(endpoint)))
    expect(everyPermission.filter((permission) => !used.has(permission)).sort()).toEqual(Object.keys(reserved).sort())
  })
})

describe('calling every operation', () => {
  let world: World
  let tenants: Record<Role, Tenant>
  beforeAll(async () => {
    world = await openWorld()
    const [owner, admin, member, viewer] = await Promise.all(roles.map((role) => world.tenant({ role })))
    if (owner === undefined || admin === undefined || member === undefined || viewer === undefined)
      throw new Error('Every role must have a tenant.')
    tenants = { owner, admin, member, viewer }
  })
  afterAll(() => world.close())

  it('lists exactly the grantable permissions as available scopes', async () => {
    const session = await tenants.owner.session()
    expect((await session.send('GET /api/api-keys/available-scopes')).body.scopes).toEqual(permissions.grantable)
  })

  const guarded = operations.filter(({ endpoint }) => endpoint.permission !== 'none')
  const cases = guarded.map((operation) => {
    const required = requiredPermissions(operation.endpoint)
    return [operation.id, required.join(' and '), { operation, required }] as const
  })

  it.each(cases)('%s is allowed for exactly the roles with %s', async (_id, _names, { operation, required }) => {
    for (const role of roles) {
      // A change may delete the tenant, so each gets its own.
      const tenant = splitRoute(operation.endpoint.route)[0] === 'GET' ? tenants[role] : await world.tenant({ role })
      const { cookie } = await tenant.session()
      const code = await ask(world, operation, {
        tenant,
        headers: { cookie, 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId },
      })
      expect(code === 'forbidden', `${role}: ${code}`).toBe(
        !required.every((permission) => permissions.of(role).has(permission)),
      )
    }
  })

  it.each(cases)('%s is allowed for exactly the API keys with %s', async (_id, _names, { operation, required }) => {
    const tenant = splitRoute(operation.endpoint.route)[0] === 'GET' ? tenants.owner : await world.tenant()
    const without = (missing: string) => permissions.grantable.filter((scope) => scope !== missing)
    for (const [name, scopes] of [
      ['all', permissions.grantable],
      ['none', []],
      ...required.map((permission) => [`all but ${permission}`, without(permission)] as const),
    ] as const) {
      const { apiKey } = await tenant.key({ scopes })
      const code = await ask(world, operation, {
        tenant,
        headers: { authorization: `Bearer ${apiKey}`, 'x-app-id': tenant.appId },
      })
      expect(code === 'forbidden', `a key with ${name}: ${code}`).toBe(
        !(name === 'all' && required.every((permission) => permissions.grantable.includes(permission))),
      )
    }
  })
})

/** Operations that change something on behalf of an end-user, because it belongs to them. */
const forEndUsers = [
  'cancelRun',
  'createAgentSchedule',
  'createSchedule',
  'deleteFile',
  'deleteRun',
  'deleteSchedule',
  'eraseEndUser',
  'markAllRead',
  'markNotificationRead',
  'markRunRead',
  'previewCronExpression',
  'runAgent',
  'runSchedule',
  'startRun',
  'updateEndUser',
  'updateSchedule',
  'uploadFile',
]

describe('a request on behalf of an end-user', () => {
  const changes = operations.filter(
    ({ endpoint }) => splitRoute(endpoint.route)[0] !== 'GET' && endpoint.permission !== 'none',
  )

  it('may change what belongs to the end-user, and nothing else', async () => {
    const world = await openWorld()
    try {
      const tenant = await world.tenant()
      const { apiKey } = await tenant.key({ scopes: permissions.grantable })
      const endUserId = await tenant.endUser()
      const allowed: string[] = []
      for (const operation of changes) {
        const code = await ask(world, operation, {
          tenant,
          headers: { authorization: `Bearer ${apiKey}`, 'x-app-id': tenant.appId, 'appstrate-user': endUserId },
        })
        if (code !== 'forbidden') allowed.push(operation.id)
      }
      expect(allowed.sort()).toEqual(forEndUsers)
    } finally {
      await world.close()
    }
  })
})

interface Asking {
  readonly tenant: Tenant
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Sends a valid request for resources that do not exist: callers with the permission get 404, others are refused first.
 * Returns the problem's code, or the status.
 */
async function ask(world: World, operation: Operation, { tenant, headers }: Asking): Promise<string> {
  const own: Readonly<Record<string, string>> = { org: tenant.orgId }
  const params = Object.fromEntries(
    Object.entries(paramsOf(operation)).map(([name, param]) => [
      name,
      'id' in param ? (own[param.id] ?? newWireId(param.id)) : newWireId('agent'),
    ]),
  )
  const choose = (field: IdField) => (field.isRequired ? unknownId(field) : undefined)
  const body = exampleBody(operation, choose)
  const url = new URL(splitRoute(fillRoute(operation.endpoint.route, params))[1], world.url)
  for (const [name, value] of Object.entries(exampleQuery(operation, choose))) url.searchParams.set(name, value)
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  const abort = new AbortController()
  const form = operation.endpoint.bodyKind === 'multipart' ? exampleForm() : undefined
  const init = {
    method: splitRoute(operation.endpoint.route)[0],
    headers: { ...json, ...headers },
    signal: abort.signal,
    body: form ?? (body === undefined ? null : JSON.stringify(body)),
  }
  const response = await fetch(url, init)
  // An open stream would never end.
  const text = response.ok ? '' : await response.text()
  abort.abort()
  expect(response.status, text).toBeLessThan(500)
  expect(response.status, 'the request must reach the permission check').not.toBe(400)
  if (response.status === 422)
    expect(text, 'the body must be valid enough to reach the permission check').not.toContain('errors/validation-error')
  return /errors\/([a-z-]+)/.exec(text)?.[1] ?? String(response.status)
}

function unknownId({ prefixes: [prefix = 'agent'] }: IdField): string {
  return typeidUnboxed(prefix)
}
