import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../platform/config/config.ts'
import { checkFeatures } from '../platform/http/check-features.ts'
import { listOperations } from '../platform/http/api.ts'
import { parseWireId } from '../platform/ids/id.ts'
import { signUp } from '../testing/factories/session.ts'
import type { Tenant } from '../testing/factories/tenant.ts'
import { castAttackers, cookieHeaders } from '../testing/isolation/attackers.ts'
import type { Attacker } from '../testing/isolation/attempt.ts'
import { fillTenant, type FilledTenant } from '../testing/isolation/fill-tenant.ts'
import { huntLeaks } from '../testing/isolation/find-leaks.ts'
import { fingerprint } from '../testing/isolation/fingerprint.ts'
import { findMissing, idsSeen, lookAtOwn } from '../testing/isolation/own-things.ts'
import { createKitesTable } from '../testing/toy-noun/kite-store.ts'
import { filling } from '../testing/toy-noun/fill-tenant.ts'
import { kitesFeature } from '../testing/toy-noun/kites-feature.ts'
import { leakyKitesFeature } from '../testing/toy-noun/leaky-kites-feature.ts'
import { openWorld, type World } from '../testing/world.ts'
import { removeAll } from './accounts/removals/testing/remove-all.ts'
import { features } from './index.ts'

const withKites = [...features, kitesFeature]
let world: World
beforeAll(async () => {
  world = await openWorld({ features: [...withKites, leakyKitesFeature], environment: { KITES_MAX: '50' } })
  await createKitesTable(world)
})
afterAll(() => world.close())

async function createKite({ send }: Pick<Tenant, 'send'>, body: object = {}): Promise<string> {
  const answer = await send('POST /api/kites', { body: { name: 'red', ...body } })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.id
}

async function countKites(): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from kites`.execute(world.platform.db)
  return rows[0]?.count ?? -1
}

describe('a noun that one line adds to the list of features', () => {
  it('may not declare a word of another feature', () => {
    expect(() => checkFeatures(withKites)).not.toThrow()
    expect(() => checkFeatures([...withKites, { ...kitesFeature, folder: 'execution/dragons' }])).toThrow(
      'The id prefix kite is declared by execution/kites and by execution/dragons.',
    )
  })

  it('has its variable in the config', async () => {
    expect(world.platform.config.KITES_MAX).toBe(50)
    expect(() => parseConfig({ KITES_MAX: '0' }, withKites)).toThrow('KITES_MAX must be a whole number from 1 to 1000')
  })

  it('answers with its own ids and problems, and writes the audit log', async () => {
    const tenant = await world.tenant()
    const id = await createKite(tenant)
    expect(id).toMatch(/^kite_/)
    expect((await tenant.send(`GET /api/kites/${id}`)).body).toEqual({ id, name: 'red', isLocked: false })
    expect((await tenant.send(`DELETE /api/kites/${id}`)).status).toBe(204)
    expect((await tenant.send(`GET /api/kites/${id}`)).body).toMatchObject({
      type: expect.stringContaining('/kite-not-found'),
      title: 'Kite Not Found',
      status: 404,
    })
    const audit = await (await tenant.session()).send('GET /api/audit-log')
    expect(audit.body.data.map(({ action }: { action: string }) => action)).toEqual(['kite.deleted', 'kite.created'])
  })

  it('wakes its topic', async () => {
    const tenant = await world.tenant()
    const woken: string[] = []
    const unsubscribe = world.platform.wake.subscribe('kites', (detail) => woken.push(detail))
    await createKite(tenant)
    unsubscribe()
    expect(woken).toEqual([tenant.applicationId])
  })
})

describe('the permissions of the noun', () => {
  it('are available as scopes of an API key', async () => {
    const { send } = await (await world.tenant()).session()
    const { scopes } = (await send('GET /api/api-keys/available-scopes')).body
    expect(scopes).toEqual(expect.arrayContaining(['kites:read', 'kites:write', 'kites:delete']))
  })

  it.each([
    ['owner', 201, 204],
    ['admin', 201, 204],
    ['member', 201, 403],
    ['viewer', 403, 403],
  ] as const)('let the role %s do what the matrix says', async (role, create, remove) => {
    const tenant = await world.tenant({ role })
    const { send } = await tenant.session()
    expect((await send('GET /api/kites')).status).toBe(200)
    const answer = await send('POST /api/kites', { body: { name: 'red' } })
    expect(answer.status).toBe(create)
    if (create === 201) expect((await send(`DELETE /api/kites/${answer.body.id}`)).status).toBe(remove)
  })

  it('refuse an API key without the scope', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.key({ scopes: ['kites:read'] })
    expect((await send('GET /api/kites')).status).toBe(200)
    expect((await send('POST /api/kites', { body: { name: 'red' } })).status).toBe(403)
  })
})

describe('the deletion of what contains the noun', () => {
  it('is previewed with its content and its blocks, and refused while it blocks', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    await createKite(sibling)
    const locked = await createKite(sibling, { isLocked: true })
    const { send } = await tenant.session()
    for (const container of [`applications/${sibling.appId}`, `orgs/${tenant.orgId}`])
      expect((await send(`GET /api/${container}/deletion`)).body, container).toMatchObject({
        deletes: { kites: 2 },
        blockedBy: { lockedKites: 1 },
      })
    for (const container of [`applications/${sibling.appId}`, `orgs/${tenant.orgId}`]) {
      const refused = await send(`DELETE /api/${container}`, { body: { slug: tenant.slug } })
      expect(refused.status, refused.text).toBe(409)
      expect(refused.body.detail).toBe('A kite is locked: delete it first.')
    }
    const before = await countKites()
    await sibling.send(`DELETE /api/kites/${locked}`)
    expect((await send(`DELETE /api/applications/${sibling.appId}`)).status).toBe(204)
    await removeAll(world)
    expect(await countKites()).toBe(before - 2)
  })

  it('deletes what a member owns when they leave', async () => {
    const tenant = await world.tenant()
    const member = await signUp(world)
    await world.platform.db
      .insertInto('organization_members')
      .values({ organization_id: tenant.organizationId, user_id: member.userId, role: 'member' })
      .execute()
    await createKite({
      send: (route, options) =>
        world.send(route, {
          ...options,
          headers: { cookie: member.cookie, 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId },
        }),
    })
    const kept = await createKite(tenant)
    const { send } = await tenant.session()
    expect((await send(`DELETE /api/orgs/${tenant.orgId}/members/${member.userId}`)).status).toBe(204)
    expect((await tenant.send('GET /api/kites')).body.data.map(({ id }: { id: string }) => id)).toEqual([kept])
  })
})

describe('the erasure of an end-user', () => {
  it("removes the noun's rows and reports them", async () => {
    const tenant = await world.tenant()
    const [eu, other] = [await tenant.endUser(), await tenant.endUser()]
    await createKite({ send: tenant.sendAs(eu) })
    await createKite({ send: tenant.sendAs(eu) })
    const kept = await createKite({ send: tenant.sendAs(other) })
    const answer = await tenant.send(`DELETE /api/end-users/${eu}`)
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toMatchObject({ endUserId: eu, kites: { deleted: 2 }, dataKey: 'destroyed' })
    expect((await tenant.send('GET /api/kites')).body.data.map(({ id }: { id: string }) => id)).toEqual([kept])
  })
})

describe('another feature that must not import the noun', () => {
  it('asks whether a thing is visible', async () => {
    const tenant = await world.tenant()
    const eu = await tenant.endUser()
    const id = parseWireId('kite', await createKite(tenant)) ?? ''
    const { db, hooks } = world.platform
    expect(await hooks.isVisible('kite', db, { scope: tenant.scope, id })).toBe(true)
    const scope = { ...tenant.scope, endUserId: parseWireId('eu', eu) ?? '' }
    expect(await hooks.isVisible('kite', db, { scope, id })).toBe(false)
  })
})

describe('the OpenAPI document', () => {
  it('has the endpoints, ids, scopes and problem codes of the noun', async () => {
    const { body } = await world.send('GET /api/openapi.json')
    expect(body.tags).toContainEqual({ name: 'Kites', description: kitesFeature.description })
    const { get, delete: remove } = body.paths['/api/kites/{kiteId}']
    expect([get.operationId, get.tags]).toEqual(['getKite', ['Kites']])
    expect(get.description).toContain('kites:read')
    expect(get['x-source']).toBe('packages/server/src/features/execution/kites/get-kite.ts')
    expect(JSON.stringify(get.responses[404])).toContain('kite-not-found')
    expect(JSON.stringify(body.paths['/api/kites'].post.responses[409])).toContain('too-many-kites')
    expect(Object.keys(remove.responses)).toContain('204')
    expect(body.components.schemas.Kite.properties.id.pattern).toMatch(/^\^kite_/)
  })

  it('has the fields that the noun contributes to the replies of other features', async () => {
    const { components } = (await world.send('GET /api/openapi.json')).body
    for (const name of ['ApplicationDeletion', 'OrgDeletion']) {
      const { deletes, blockedBy } = components.schemas[name].properties
      expect(deletes.properties.kites, name).toMatchObject({ type: 'integer', description: 'Also locked ones.' })
      expect(deletes.required).toContain('kites')
      expect(blockedBy.properties.lockedKites).toMatchObject({ type: 'integer' })
    }
    expect(components.schemas.Erasure.properties.kites.properties.deleted).toMatchObject({ type: 'integer' })
  })
})

describe('the isolation test', () => {
  const operations = listOperations([kitesFeature])
  let victim: FilledTenant
  let attackers: Attacker[]
  beforeAll(async () => {
    const making = { world, features: withKites, fillings: [filling], modelsUrl: '', receiverUrl: '' }
    victim = await fillTenant({ ...making, label: 'LEAK' })
    const stranger = await fillTenant({ ...making, label: 'OWN' })
    const sights = await lookAtOwn(world.url, operations, { headers: cookieHeaders(victim), own: victim.made })
    expect(sights.map(({ answer }) => answer.status)).toEqual([200, 200])
    const idsOfVictim = idsSeen(sights, (prefix) => prefix === 'kite')
    expect(idsOfVictim).toHaveLength(4)
    attackers = castAttackers({ victim, stranger, idsOfVictim, idsOfFirstEndUser: [] })
  })
  const hunt = (hunted: typeof operations) =>
    huntLeaks({ url: world.url, operations: hunted, attackers, tolerance: { takesForeignBody: new Set() } })
  const owner = () => ({
    organizationId: victim.tenant.organizationId,
    userIds: [victim.tenant.userId, victim.admin.userId],
  })

  it('requires a thing of the noun for each path', () => {
    expect(findMissing(operations, victim.made)).toEqual([])
    expect(findMissing(operations, { ids: new Map(), texts: new Map() })).toEqual([
      expect.stringContaining('getKite (GET /api/kites/:kiteId)'),
      expect.stringContaining('deleteKite (DELETE /api/kites/:kiteId)'),
    ])
  })

  it('finds no leak and no change in the correct noun', async () => {
    const before = await fingerprint(world.platform.db, owner())
    expect(before['kites']).toMatch(/^4 rows /)
    const { leaks, attempts } = await hunt(operations)
    expect(leaks.join('\n')).toBe('')
    expect(attempts).toBeGreaterThan(operations.length * 5)
    expect(await fingerprint(world.platform.db, owner())).toEqual(before)
  })

  it('finds the leaks of a noun that ignores the scope, for each attacker', async () => {
    const { leaks } = await hunt(listOperations([leakyKitesFeature]))
    for (const name of ["a stranger's key", 'a stranger by cookie', "a stranger's end-user"])
      expect(leaks.join('\n')).toContain(`getLeakyKite as ${name}, foreign path: the answer shows`)
    for (const name of ['a key of the sibling application', 'the second end-user'])
      expect(leaks.join('\n')).toContain(`getLeakyKite as ${name}, foreign path: the request succeeded`)
  })
})
