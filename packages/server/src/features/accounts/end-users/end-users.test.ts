import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { createEndUser } from './create-end-user.ts'
import { getEndUser } from './get-end-user.ts'
import { endUsersFeature } from './index.ts'
import { listEndUsers } from './list-end-users.ts'
import { updateEndUser } from './update-end-user.ts'

const options = { features: [endUsersFeature] }
const given = (tenant: Tenant) => tenant.endUser()
const call = (endUserId: string) => ({ params: { endUserId } })

let made = 0
describeEndpoint(createEndUser, {
  given: async () => undefined,
  call: () => ({ body: { name: 'Ada', externalId: `user-${(made += 1)}` } }),
  world: options,
})
describeEndpoint(listEndUsers, { given, call: () => ({ query: { externalId: 'x' } }), world: options })
describeEndpoint(getEndUser, { given, call, world: options })
describeEndpoint(updateEndUser, {
  given,
  call: (endUserId) => ({ params: { endUserId }, body: { name: 'Ada' } }),
  world: options,
})

describe('end-users', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld(options)
    tenant = await world.tenant()
  })
  afterAll(() => world.close())
  const create = (body: object, on = tenant) => on.send('POST /api/end-users', { body })

  it('have a name, an e-mail address in lower case, an externalId and metadata', async () => {
    const answer = await create({
      name: 'Ada',
      email: 'Ada@Example.COM',
      externalId: 'u-1',
      metadata: { plan: 'pro', seats: 3, beta: true, none: null },
    })
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^eu_[0-9a-z]{26}$/),
      object: 'end_user',
      applicationId: tenant.appId,
      name: 'Ada',
      email: 'ada@example.com',
      externalId: 'u-1',
      metadata: { plan: 'pro', seats: 3, beta: true },
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    expect(answer.headers.get('location')).toBe(`/api/end-users/${answer.body.id}`)
    expect((await tenant.send(`GET /api/end-users/${answer.body.id}`)).body).toEqual(answer.body)
  })

  it('can have only an id', async () => {
    expect((await create({})).body).toMatchObject({ name: null, email: null, externalId: null, metadata: {} })
  })

  it('can be filtered by externalId and by e-mail address, newest first', async () => {
    const own = await world.tenant()
    const ids: string[] = []
    for (const name of ['a', 'b', 'c'])
      ids.unshift((await create({ externalId: name, email: `${name}@example.com` }, own)).body.id)
    const list = async (query: Record<string, string | number>) =>
      (await own.send('GET /api/end-users', { query })).body
    expect((await list({})).data.map(({ id }: { id: string }) => id)).toEqual(ids)
    expect((await list({ pageSize: 2, page: 2 })).pagination).toMatchObject({
      page: 2,
      pageSize: 2,
      total: 3,
      totalPages: 2,
    })
    expect((await list({ externalId: 'b' })).data).toMatchObject([{ externalId: 'b' }])
    expect((await list({ email: 'C@example.com' })).data).toMatchObject([{ externalId: 'c' }])
    expect((await list({ externalId: 'b', email: 'c@example.com' })).data).toEqual([])
  })

  it('have a unique externalId and e-mail address in the application, also if created concurrently', async () => {
    await create({ externalId: 'taken', email: 'taken@example.com' })
    expectProblem(createEndUser, await create({ externalId: 'taken' }), 'external-id-taken')
    expectProblem(createEndUser, await create({ email: 'TAKEN@example.com' }), 'email-taken')
    const other = (await create({})).body.id
    expectProblem(
      updateEndUser,
      await tenant.send(`PATCH /api/end-users/${other}`, { body: { externalId: 'taken' } }),
      'external-id-taken',
    )
    expectProblem(
      updateEndUser,
      await tenant.send(`PATCH /api/end-users/${other}`, { body: { email: 'taken@example.com' } }),
      'email-taken',
    )
    expect((await create({ externalId: 'taken', email: 'taken@example.com' }, await world.tenant())).status).toBe(201)
    const answers = await Promise.all(Array.from({ length: 6 }, () => create({ externalId: 'raced' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409])
  })

  it.each([
    { email: 'nobody' },
    { externalId: '' },
    { externalId: 'x'.repeat(256) },
    { name: ' ' },
    { metadata: { a: { b: 1 } } },
    { metadata: { a: 'x'.repeat(501) } },
    { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, 1])) },
  ])('are refused with %j', async (body) => {
    expectProblem(createEndUser, await create(body), 'validation-error')
  })

  it('change only the given fields; metadata is merged key by key, and null removes a key', async () => {
    const { id } = (await create({ name: 'Ada', email: 'change@example.com', metadata: { a: 1, b: 2 } })).body
    const patch = async (body: object) => (await tenant.send(`PATCH /api/end-users/${id}`, { body })).body
    expect(await patch({ metadata: { b: null, c: 'x' } })).toMatchObject({
      name: 'Ada',
      email: 'change@example.com',
      metadata: { a: 1, c: 'x' },
    })
    expect(await patch({ name: null, email: 'New@Example.com' })).toMatchObject({
      name: null,
      email: 'new@example.com',
      metadata: { a: 1, c: 'x' },
    })
    const many = Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`k${index}`, index]))
    expectProblem(
      updateEndUser,
      await tenant.send(`PATCH /api/end-users/${id}`, { body: { metadata: many } }),
      'validation-error',
    )
    await Promise.all(Array.from({ length: 5 }, (_, index) => patch({ metadata: { [`at-once-${index}`]: index } })))
    expect(Object.keys((await patch({})).metadata)).toHaveLength(7)
  })

  it('leave no personal data in the audit log and in the log', async () => {
    const { id } = (
      await create({
        name: 'Zebedee',
        email: 'zebedee@example.com',
        externalId: 'zebedee-1',
        metadata: { pet: 'zebedee' },
      })
    ).body
    await tenant.send(`PATCH /api/end-users/${id}`, { body: { name: 'Zebedee II', metadata: { pet: null } } })
    const entries = await world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('resource_id', '=', id)
      .orderBy('id')
      .execute()
    expect(entries.map(({ action }) => action)).toEqual(['end-user.created', 'end-user.updated'])
    expect(entries[1]?.changes).toEqual({
      name: { before: '***', after: '***' },
      metadata: { before: '***', after: '***' },
    })
    expect(JSON.stringify(entries).toLowerCase()).not.toContain('zebedee')
    expect(world.logLines.join('\n').toLowerCase()).not.toContain('zebedee')
  })

  it('see only themselves, and cannot create end-users', async () => {
    const [me, other] = [(await create({ name: 'me' })).body.id, (await create({ name: 'other' })).body.id]
    const mine = tenant.sendAs(me)
    expect((await mine('GET /api/end-users')).body).toMatchObject({ data: [{ id: me }], pagination: { total: 1 } })
    expect((await mine(`GET /api/end-users/${me}`)).status).toBe(200)
    expectProblem(getEndUser, await mine(`GET /api/end-users/${other}`), 'end-user-not-found')
    expectProblem(
      updateEndUser,
      await mine(`PATCH /api/end-users/${other}`, { body: { name: 'x' } }),
      'end-user-not-found',
    )
    expect((await mine(`PATCH /api/end-users/${me}`, { body: { name: 'I' } })).body.name).toBe('I')
    expectProblem(createEndUser, await mine('POST /api/end-users', { body: {} }), 'forbidden')
  })

  it('can be changed by members, deleted by admins, and only read by viewers', async () => {
    const statusAs = async (role: 'member' | 'viewer') => {
      const { send } = await (await world.tenant({ role })).session()
      return (await send('POST /api/end-users', { body: {} })).status
    }
    expect([await statusAs('member'), await statusAs('viewer')]).toEqual([201, 403])
  })

  it('are encrypted in a reply stored for a replay', async () => {
    const answer = await tenant.send('POST /api/end-users', {
      body: { name: 'Replayed Name' },
      headers: { 'idempotency-key': 'k' },
    })
    expect(parseWireId('eu', answer.body.id)).toBeDefined()
    const rows = await world.platform.db.selectFrom('idempotency_keys').select('body').execute()
    expect(JSON.stringify(rows)).not.toContain('Replayed Name')
  })
})
