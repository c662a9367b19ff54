import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listOperations, splitRoute, type Operation } from '../platform/http/api.ts'
import { newWireId } from '../platform/ids/id.ts'
import type { Tenant } from '../testing/factories/tenant.ts'
import { exampleForm, fillRoute, paramsOf } from '../testing/isolation/attempt.ts'
import { exampleBody, exampleQuery, type IdField } from '../testing/isolation/example-request.ts'
import { openWorld, type World } from '../testing/world.ts'
import { grantablePermissions, permissionsOf, roles, type Role } from './accounts/access/index.ts'
import { features } from './index.ts'

const operations = listOperations(features)
// The matrix gives the owner everything; its own test says so.
const everyPermission = [...permissionsOf('owner')]

/** What anyone may call: it asks for no credentials, or checks its own. */
const forAnyone: Readonly<Record<string, string>> = {
  signUpEmail: 'makes an account',
  signInEmail: 'checks the password',
  signOut: "ends the cookie's own session",
  getSession: "shows the cookie's own session",
  relayAuthGet: 'the auth library checks for itself',
  relayAuthPost: 'the auth library checks for itself',
  getPublicInvitation: 'the token of the link is the right',
  acceptInvitation: 'the token of the link is the right',
  getHealth: 'tells nothing but that the process lives',
  getReady: 'tells nothing but what works',
  showInvitation: 'the token of the link is the right',
  showWelcome: 'a page of links',
}
/** What every signed-in user may do with what is their own. */
const forEveryUser: Readonly<Record<string, string>> = {
  createOrg: 'becomes its owner',
  listOrgs: 'their own',
  getProfile: 'their own',
  updateProfile: 'their own',
  listSessions: 'their own',
  revokeSession: 'their own',
  revokeOtherSessions: 'their own',
}
/** What every member may do, whatever their role. */
const forEveryMember: Readonly<Record<string, string>> = {}
/** Permissions that no endpoint asks for by declaration. */
const reserved: Readonly<Record<string, string>> = {
  'agents:configure': 'for the settings that an agent has in one application, which come with packages',
}

describe('the rule of every operation', () => {
  const inTenants = operations.filter(({ endpoint }) => endpoint.caller !== 'anyone' && endpoint.caller !== 'user')

  it.each(inTenants.map((operation) => [operation.id, operation] as const))(
    '%s asks for a permission of the matrix',
    (id, { endpoint }) => {
      if (endpoint.permission === 'none')
        expect(Object.keys(forEveryMember), `${id} needs a permission, or a reason in forEveryMember`).toContain(id)
      else expect(everyPermission).toContain(endpoint.permission)
    },
  )

  it('is told for all that asks for no membership, and for nothing else', () => {
    const of = (caller: string) =>
      operations
        .filter(({ endpoint }) => endpoint.caller === caller)
        .map(({ id }) => id)
        .sort()
    expect(of('anyone')).toEqual(Object.keys(forAnyone).sort())
    expect(of('user')).toEqual(Object.keys(forEveryUser).sort())
    const asked = operations.filter(
      ({ endpoint }) => ['anyone', 'user'].includes(endpoint.caller) && endpoint.permission !== 'none',
    )
    expect(
      asked.map(({ id }) => id),
      'outside a tenant there are no permissions',
    ).toEqual([])
  })

  it('uses every permission, or says why not', () => {
    const used = new Set<string>(operations.map(({ endpoint }) => endpoint.permission))
    expect(everyPermission.filter((permission) => !used.has(permission)).sort()).toEqual(Object.keys(reserved).sort())
  })
})

describe('the walk', () => {
  let world: World
  let tenants: Record<Role, Tenant>
  beforeAll(async () => {
    world = await openWorld()
    const [owner, admin, member, viewer] = await Promise.all(roles.map((role) => world.tenant({ role })))
    if (owner === undefined || admin === undefined || member === undefined || viewer === undefined)
      throw new Error('A role has no tenant.')
    tenants = { owner, admin, member, viewer }
  })
  afterAll(() => world.close())

  it('available-scopes are what can be granted', async () => {
    const session = await tenants.owner.session()
    expect((await session.send('GET /api/api-keys/available-scopes')).body.scopes).toEqual(grantablePermissions)
  })

  const guarded = operations.filter(({ endpoint }) => endpoint.permission !== 'none')
  const cases = guarded.map((operation) => [operation.id, operation.endpoint.permission, operation] as const)

  it.each(cases)('%s is for the roles that hold %s', async (_id, permission, operation) => {
    for (const role of roles) {
      // A change may leave nothing of the tenant: it gets one of its own.
      const tenant = splitRoute(operation.endpoint.route)[0] === 'GET' ? tenants[role] : await world.tenant({ role })
      const { cookie } = await tenant.session()
      const code = await ask(world, operation, {
        tenant,
        headers: { cookie, 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId },
      })
      expect(code === 'forbidden', `${role}: ${code}`).toBe(!permissionsOf(role).has(permission))
    }
  })

  it.each(cases)('%s is for the keys that hold %s', async (_id, permission, operation) => {
    const tenant = splitRoute(operation.endpoint.route)[0] === 'GET' ? tenants.owner : await world.tenant()
    const others = grantablePermissions.filter((scope) => scope !== permission)
    for (const [name, scopes] of [
      ['all', grantablePermissions],
      ['none', []],
      ['all others', others],
    ] as const) {
      const { apiKey } = await tenant.key({ scopes })
      const code = await ask(world, operation, {
        tenant,
        headers: { authorization: `Bearer ${apiKey}`, 'x-app-id': tenant.appId },
      })
      expect(code === 'forbidden', `a key with ${name}: ${code}`).toBe(
        !(name === 'all' && grantablePermissions.includes(permission)),
      )
    }
  })
})

interface Asking {
  readonly tenant: Tenant
  readonly headers: Readonly<Record<string, string>>
}

/** Makes a good request for things that do not exist: who may do it learns that, others are refused before. The problem's code, or the status. */
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
  // A stream that was opened would never end.
  const text = response.ok ? '' : await response.text()
  abort.abort()
  expect(response.status, text).toBeLessThan(500)
  expect(response.status, 'the request must get to the permission').not.toBe(400)
  if (response.status === 422)
    expect(text, 'the body must be good enough to get to the permission').not.toContain('errors/validation-error')
  return /errors\/([a-z-]+)/.exec(text)?.[1] ?? String(response.status)
}

function unknownId({ prefixes }: IdField): string {
  const known = [
    'org',
    'app',
    'agent',
    'run',
    'eu',
    'key',
    'sched',
    'wh',
    'evt',
    'del',
    'model',
    'mkey',
    'inv',
    'file',
    'usr',
    'ses',
    'ntf',
  ] as const
  return newWireId(known.find((prefix) => prefix === prefixes[0]) ?? 'agent')
}
