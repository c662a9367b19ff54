import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId, newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../../accounts/applications/index.ts'
import { auditFeature } from './index.ts'
import { listAuditLog } from './list-audit-log.ts'
import { chainAll, writeEntries, writeMany } from './testing/audit-tests.ts'

const options = { features: [auditFeature, applicationsFeature] }

describeEndpoint(listAuditLog, { as: 'session', given: async () => undefined, call: () => ({}), world: options })

describe('listing the audit log', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  const list = async (send: Send, query: Record<string, string | number> = {}) =>
    (await send('GET /api/audit-log', { query })).body
  const resourcesOf = (body: { data: { resourceId: string }[] }) => body.data.map(({ resourceId }) => resourceId)
  const system = { kind: 'system', part: 'tests' } as const
  const user = ({ userId }: Tenant) => ({ kind: 'user', userId, email: 'x@example.com' }) as const
  const key = (tenant: Tenant) =>
    ({
      kind: 'api-key',
      keyId: parseWireId('key', tenant.apiKeyId) ?? '',
      secretHash: '',
      expiresAt: null,
      ...tenant.scope,
      userId: tenant.userId,
      permissions: new Set<string>(),
      apiVersion: null,
      suspensionReason: null,
    }) as const

  it('shows who did what, to what, from where, in which request, and what changed', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const made = await send('POST /api/applications', { body: { name: 'Shop' }, headers: { 'user-agent': 'the test' } })
    const [entry] = (await list(send)).data
    expect(entry).toEqual({
      id: expect.stringMatching(/^aud_/),
      seq: null,
      action: 'application.created',
      actor: { kind: 'user', userId: tenant.userId },
      applicationId: null,
      resourceId: made.body.id,
      request: {
        id: made.headers.get('request-id'),
        method: 'POST',
        path: '/api/applications',
        ip: '127.0.0.1',
        userAgent: 'the test',
      },
      changes: null,
      hash: null,
      createdAt: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T.*Z$/),
    })
    await chainAll(world)
    expect((await list(send)).data[0]).toEqual({ ...entry, seq: 1, hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
  })

  it('shows API keys, end-users and parts of the system as actors', async () => {
    const tenant = await world.tenant()
    const endUserId = await tenant.endUser()
    const impersonated = { ...tenant.scope, endUserId: parseWireId('eu', endUserId) ?? '' }
    await writeEntries(world, tenant, [
      { resourceId: 'a' },
      { actor: key(tenant), resourceId: 'b', changes: { name: { before: 'x', after: null } } },
      { actor: key(tenant), scope: impersonated, resourceId: 'c' },
    ])
    const { data } = await list((await tenant.session()).send)
    expect(data).toMatchObject([
      {
        resourceId: 'c',
        actor: { kind: 'api-key', apiKeyId: tenant.apiKeyId, userId: tenant.userId, endUserId },
        applicationId: tenant.appId,
      },
      {
        resourceId: 'b',
        actor: { kind: 'api-key', endUserId: null },
        changes: { name: { before: 'x', after: null } },
        request: null,
      },
      { resourceId: 'a', actor: { kind: 'system', part: 'tests' } },
    ])
  })

  it('filters by actor, action, resource, application and time, and by all of them together', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    const endUserId = await tenant.endUser()
    const of = { organizationId: tenant.organizationId }
    await writeEntries(world, tenant, [
      { resourceId: 'a', action: 'agent.created', actor: user(tenant) },
      { resourceId: 'b', action: 'agent.updated', actor: key(tenant) },
    ])
    // Times have milliseconds, so the time in between belongs to neither entry.
    const pause = () => new Promise((resolve) => setTimeout(resolve, 5))
    await pause()
    const middle = new Date().toISOString()
    await pause()
    await writeEntries(world, tenant, [
      {
        resourceId: 'b',
        action: 'agent.deleted',
        actor: key(tenant),
        scope: { ...tenant.scope, endUserId: parseWireId('eu', endUserId) ?? '' },
      },
      {
        resourceId: 'c',
        action: 'agents.merged',
        actor: system,
        scope: { ...of, applicationId: sibling.applicationId, endUserId: null },
      },
      { resourceId: 'd', action: 'org.updated', actor: user(tenant), scope: of },
    ])
    const { send } = await tenant.session()
    const found = async (query: Record<string, string>) => resourcesOf(await list(send, query)).join('')
    expect(await found({})).toBe('dcbba')
    expect(await found({ actor: tenant.userId })).toBe('da')
    expect(await found({ actor: tenant.apiKeyId })).toBe('bb')
    expect(await found({ actor: endUserId })).toBe('b')
    expect(await found({ actor: 'system' })).toBe('c')
    expect(await found({ actor: newWireId('key') })).toBe('')
    expect(await found({ action: 'agent.updated' })).toBe('b')
    expect(await found({ action: 'agent.*' })).toBe('bba')
    expect(await found({ resourceId: 'b' })).toBe('bb')
    expect(await found({ applicationId: sibling.appId })).toBe('c')
    expect(
      await found({ actor: tenant.apiKeyId, action: 'agent.*', resourceId: 'b', applicationId: tenant.appId }),
    ).toBe('bb')
    expect(await found({ actor: tenant.userId, action: 'agent.*' })).toBe('a')
    expect(await found({ actor: tenant.userId, applicationId: sibling.appId })).toBe('')
    expect(await found({ since: middle })).toBe('dcb')
    expect(await found({ until: middle })).toBe('ba')
    expect(await found({ since: '2000-01-01T00:00:00Z', until: '2001-01-01T00:00:00Z' })).toBe('')
    expect(
      await found({ since: '2000-01-01T00:00:00+02:00', until: '2999-01-01T00:00:00Z', action: 'org.updated' }),
    ).toBe('d')
  })

  it('pages by number and by cursor', async () => {
    const tenant = await world.tenant()
    await writeEntries(
      world,
      tenant,
      ['a', 'b', 'c', 'd', 'e'].map((resourceId) => ({ resourceId })),
    )
    const { send } = await tenant.session()
    const first = await list(send, { pageSize: 2 })
    expect([resourcesOf(first), first.pagination]).toEqual([
      ['e', 'd'],
      { page: 1, pageSize: 2, total: 5, totalPages: 3, nextCursor: first.data[1].id },
    ])
    expect(resourcesOf(await list(send, { pageSize: 2, page: 3 }))).toEqual(['a'])
    expect(resourcesOf(await list(send, { pageSize: 2, page: 4 }))).toEqual([])
    const rest = await list(send, { pageSize: 3, after: first.pagination.nextCursor })
    expect([resourcesOf(rest), rest.pagination.nextCursor]).toEqual([['c', 'b', 'a'], null])
  })

  it('continues by cursor after a scan without a match, and refuses a page beyond the limit of scans', async () => {
    const tenant = await world.tenant()
    await writeEntries(world, tenant, [{ action: 'test.rare', resourceId: 'needle' }])
    await writeMany(world, tenant, { count: 10_500 })
    const { send } = await tenant.session()
    const query = { actor: 'system', action: 'test.*', applicationId: tenant.appId, pageSize: 100 }
    expect((await list(send, query)).pagination).toMatchObject({ total: 10_000, nextCursor: expect.any(String) })
    const first = await list(send, { actor: 'system', action: 'test.rare', resourceId: 'needle' })
    expect(resourcesOf(first)).toEqual(['needle'])
    // The actor is the first filter, and ten thousand newer entries have the same one.
    const sparse = await list(send, { actor: 'system', action: 'test.rare', pageSize: 1 })
    expect(sparse.pagination).toMatchObject({ total: 0, totalIsEstimate: true, nextCursor: expect.any(String) })
    expectProblem(
      listAuditLog,
      await send('GET /api/audit-log', { query: { ...query, page: 101, pageSize: 100 } }),
      'validation-error',
    )
    const last = await list(send, { applicationId: tenant.appId, page: 106, pageSize: 100 })
    expect([resourcesOf(last), last.pagination.total]).toEqual([['needle'], 10_501])
    let [cursor, seen]: [string | undefined, number] = [undefined, 0]
    do {
      const page = await list(send, { pageSize: 100, ...(cursor === undefined ? {} : { after: cursor }) })
      seen += page.data.length
      cursor = page.pagination.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(seen).toBe(10_501)
  }, 60_000)

  it('shows nothing of another organization, and refuses members, viewers and API keys', async () => {
    const [tenant, stranger] = [await world.tenant(), await world.tenant()]
    await writeEntries(world, stranger, [{ resourceId: 'theirs' }])
    const { send } = await tenant.session()
    for (const query of [
      {},
      { resourceId: 'theirs' },
      { applicationId: stranger.appId },
      { actor: stranger.userId },
      { actor: stranger.apiKeyId },
    ])
      expect((await list(send, query)).data).toEqual([])
    const theirs = (await list((await stranger.session()).send)).data[0].id
    expect((await list(send, { after: theirs })).data).toEqual([])
    for (const role of ['member', 'viewer'] as const) {
      const { send: sendAs } = await (await world.tenant({ role })).session()
      expectProblem(listAuditLog, await sendAs('GET /api/audit-log'), 'forbidden')
    }
    expectProblem(listAuditLog, await tenant.send('GET /api/audit-log'), 'forbidden')
    expect((await list((await (await world.tenant({ role: 'admin' })).session()).send)).data).toEqual([])
  })

  it.each([
    { actor: 'somebody' },
    { actor: 'usr_' },
    { action: 'agent' },
    { action: '*' },
    { action: 'agent.*.x' },
    { applicationId: 'nonsense' },
    { since: 'yesterday' },
    { since: '2016-12-31T23:59:60Z' },
    { until: '2026-01-01' },
    { after: 'nonsense' },
    { after: newWireId('run') },
    { resourceId: '' },
    { unknown: 1 },
  ])('refuses %j', async (query: Record<string, string | number>) => {
    const { send } = await (await world.tenant()).session()
    expectProblem(listAuditLog, await send('GET /api/audit-log', { query }), 'validation-error')
  })
})
