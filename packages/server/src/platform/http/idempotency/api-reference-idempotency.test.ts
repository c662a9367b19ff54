import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { features } from '../../../features/index.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { newWireId } from '../../ids/id.ts'
import { makeToys } from '../testing/toys.ts'
import { signInFeature, signUp } from '../testing/sign-in.ts'

const toys = makeToys()
const declared = toys.endpoints['createToy']
let world: World
beforeAll(async () => {
  world = await openWorld({ features: [toys.feature, signInFeature] })
})
afterAll(() => world.close())

let names = 0
/** A unique toy name, so that the runs of its handler can be counted. */
const freshName = () => `toy ${++names}`
const runsOf = (name: string) => toys.begun.filter((begun) => begun === name).length
const create = (send: Send, name: string, key: string) =>
  send('POST /api/toys', { body: { name }, headers: { 'idempotency-key': key } })

describe('Idempotency', () => {
  it('"Critical POST routes (end-users, webhooks, agent run) support the Idempotency-Key header"', () => {
    const all = new Map(
      features
        .flatMap(({ endpoints }) => Object.values(endpoints))
        .map(({ route, idempotency }) => [route, idempotency]),
    )
    const critical = [
      'POST /api/end-users',
      'POST /api/webhooks',
      'POST /api/runs',
      'POST /api/agents/:agentId/run',
    ] as const
    const there = critical.filter((route) => all.has(route))
    expect(there).toContain('POST /api/runs')
    for (const route of there) expect(all.get(route), route).toBe('supported')
  })

  it('"Replays return the Idempotent-Replayed: true header": same reply, one run of the handler', async () => {
    const { send } = await world.tenant()
    const name = freshName()
    const [first, again, more] = [
      await create(send, name, 'my-unique-key-123'),
      await create(send, name, 'my-unique-key-123'),
      await create(send, name, '"my-unique-key-123"'),
    ]
    expect(first.status).toBe(201)
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    for (const replay of [again, more]) {
      expect(replay.status).toBe(201)
      expect(replay.text).toBe(first.text)
      expect(replay.headers.get('location')).toBe(first.headers.get('location'))
      expect(replay.headers.get('content-type')).toBe(first.headers.get('content-type'))
      expect(replay.headers.get('idempotent-replayed')).toBe('true')
      expect(replay.headers.get('request-id')).not.toBe(first.headers.get('request-id'))
    }
    expect(runsOf(name)).toBe(1)
  })

  it('writes one audit entry, regardless of the number of replays', async () => {
    const tenant = await world.tenant()
    const name = freshName()
    for (let sent = 0; sent < 3; sent++) await create(tenant.send, name, 'k')
    expect(
      await world.platform.db
        .selectFrom('audit_log')
        .select('action')
        .where('application_id', '=', tenant.applicationId)
        .execute(),
    ).toEqual([{ action: 'toy.created' }])
  })

  it(
    '"422 Unprocessable Entity: same key but different body"; ' +
      '"A SHA-256 hash of the body is used for conflict detection": a space is a difference',
    async () => {
      const { send } = await world.tenant()
      const raw = (rawBody: string) =>
        send('POST /api/toys', { rawBody, headers: { 'content-type': 'application/json', 'idempotency-key': 'k' } })
      expect((await raw('{"name":"a"}')).status).toBe(201)
      for (const other of ['{"name":"b"}', '{"name":"a"} ', '{ "name":"a"}']) {
        const answer = await raw(other)
        expectProblem(declared, answer, 'idempotency-key-reuse')
        expect(answer.status).toBe(422)
      }
      expect((await raw('{"name":"a"}')).headers.get('idempotent-replayed')).toBe('true')
    },
  )

  it('"409 Conflict: concurrent request with the same key (processing in progress)"', async () => {
    const { send } = await world.tenant()
    const name = freshName()
    const release = toys.hold(name)
    const first = create(send, name, 'k')
    await expect.poll(() => runsOf(name), { timeout: 15_000 }).toBe(1)
    const second = await create(send, name, 'k')
    expectProblem(declared, second, 'idempotency-in-progress')
    expect([second.status, second.headers.get('retry-after')]).toEqual([409, '1'])
    expectProblem(declared, await create(send, `${name} b`, 'k'), 'idempotency-key-reuse')
    release()
    expect((await first).status).toBe(201)
    expect((await create(send, name, 'k')).headers.get('idempotent-replayed')).toBe('true')
    expect(runsOf(name)).toBe(1)
  })

  it('of 20 concurrent requests with one key one runs the handler; the others get 409 or its reply', async () => {
    const { send } = await world.tenant()
    const name = freshName()
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(send, name, 'race')))
    expect(runsOf(name)).toBe(1)
    const winners = answers.filter(
      ({ status, headers }) => status === 201 && headers.get('idempotent-replayed') === null,
    )
    expect(winners).toHaveLength(1)
    for (const answer of answers.filter((other) => !winners.includes(other))) {
      if (answer.status === 409) expectProblem(declared, answer, 'idempotency-in-progress')
      else expect([answer.text, answer.headers.get('idempotent-replayed')]).toEqual([winners[0]?.text, 'true'])
    }
  })

  it('belongs to one caller, one application, one end-user and one route', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const user = await signUp(world, tenant)
    const second = await tenant.key()
    const name = freshName()
    const toy = newWireId('toy')
    const answers = [
      await create(tenant.send, name, 'shared'),
      await create(other.send, name, 'shared'),
      await create(second.send, name, 'shared'),
      await user.send('POST /api/toys', {
        body: { name },
        headers: { 'idempotency-key': 'shared', 'x-app-id': tenant.appId },
      }),
      await create(tenant.sendAs(await tenant.endUser()), name, 'shared'),
      await tenant.send(`POST /api/toys/${toy}/run`, { headers: { 'idempotency-key': 'shared' } }),
      await tenant.send(`POST /api/toys/${newWireId('toy')}/run`, { headers: { 'idempotency-key': 'shared' } }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 202, 202])
    expect(answers.map(({ headers }) => headers.get('idempotent-replayed'))).toEqual(answers.map(() => null))
    const slash = await tenant.send(`POST /api/toys/${toy}/run/`, { headers: { 'idempotency-key': 'shared' } })
    expect(slash.headers.get('idempotent-replayed'), 'the same route, written otherwise').toBe('true')
  })

  it.each([
    ['empty', ''],
    ['quoted and empty', '""'],
    ['256 characters', 'x'.repeat(256)],
    ['two', 'a'],
  ])('answers 400 to a key that is %s', async (what, key) => {
    const { send } = await world.tenant()
    const headers = new Headers({ 'content-type': 'application/json', 'idempotency-key': key })
    const answer =
      what === 'two'
        ? await sendTwoKeys(await world.tenant())
        : await send('POST /api/toys', { body: { name: 'ball' }, headers: Object.fromEntries(headers) })
    expectProblem(declared, answer, 'invalid-idempotency-key')
  })

  it('accepts 255 characters, quoted or bare', async () => {
    const { send } = await world.tenant()
    expect((await create(send, freshName(), 'x'.repeat(255))).status).toBe(201)
    expect((await create(send, freshName(), `"${'y'.repeat(255)}"`)).status).toBe(201)
  })

  it('answers normally when the reply cannot be stored, and does not repeat the work at once', async () => {
    const { send } = await world.tenant()
    const { db } = world.platform
    const name = freshName()
    const release = toys.hold(name)
    const creating = create(send, name, 'k')
    await expect.poll(() => runsOf(name), { timeout: 15_000 }).toBe(1)
    await sql`alter table idempotency_keys rename to out_of_reach`.execute(db)
    release()
    const first = await creating.finally(() => sql`alter table out_of_reach rename to idempotency_keys`.execute(db))
    expect(first.status).toBe(201)
    await create(send, name, 'k')
    expect(runsOf(name)).toBe(1)
  })

  it.each([
    ['a validation error', () => ({ name: '' }), 422],
    ['malformed JSON', () => '{', 400],
    ['a refusal of the handler', () => ({ name: 'missing' }), 404],
    ['an internal error', () => ({ name: 'broken' }), 500],
  ])('does not store %s: the same key works afterwards', async (_what, body, status) => {
    const { send } = await world.tenant()
    const headers = { 'idempotency-key': 'k', 'content-type': 'application/json' }
    const made = body()
    const failing = () =>
      send('POST /api/toys', { rawBody: typeof made === 'string' ? made : JSON.stringify(made), headers })
    expect([(await failing()).status, (await failing()).status]).toEqual([status, status])
    const name = freshName()
    const good = await create(send, name, 'k')
    expect([good.status, good.headers.get('idempotent-replayed')]).toEqual([201, null])
  })

  it('does not store 401, 403 and 429', async () => {
    const tenant = await world.tenant()
    const weak = await tenant.key({ scopes: [] })
    expectProblem(declared, await create(weak.send, freshName(), 'k'), 'forbidden')
    await world.platform.db
      .updateTable('api_keys')
      .set({ scopes: ['agents:write'] })
      .where('application_id', '=', tenant.applicationId)
      .execute()
    world.platform.wake.wake('keys', '*')
    expect((await create(weak.send, freshName(), 'k')).status).toBe(201)
  })

  it('is ignored where an endpoint creates nothing', async () => {
    const { send } = await world.tenant()
    for (let sent = 0; sent < 2; sent++)
      expect((await send('GET /api/toys', { headers: { 'idempotency-key': '' } })).status).toBe(200)
  })

  it('"Keys are stored in Redis with a 24-hour TTL", or in PostgreSQL when there is no Redis', async () => {
    const { redis, db } = world.platform
    const { send } = await world.tenant()
    await db.deleteFrom('idempotency_keys').execute()
    const keys = async () => (await redis?.keys(`${redis.options.keyPrefix ?? ''}idem:*`)) ?? []
    const before = new Set(await keys())
    await create(send, freshName(), 'k')
    const rows = await db.selectFrom('idempotency_keys').selectAll().execute()
    const dayMs = 24 * 60 * 60 * 1000
    if (redis === undefined) {
      expect(rows).toMatchObject([{ status: 201 }])
      expect(rows[0]?.expires_at.getTime()).toBeGreaterThan(Date.now() + dayMs - 60_000)
    } else {
      expect(rows).toEqual([])
      const added = (await keys())
        .filter((key) => !before.has(key))
        .map((key) => key.slice(redis.options.keyPrefix?.length))
      expect(added).toHaveLength(1)
      expect(await redis.pttl(added[0] ?? '')).toBeGreaterThan(dayMs - 60_000)
    }
    expect(redis === undefined).toBe(inject('redisUrl') === null)
  })
})

// fetch joins headers of one name; node:http sends them as they are.
async function sendTwoKeys({ apiKey, appId }: Tenant): ReturnType<Send> {
  const { request } = await import('node:http')
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Send>>>()
  const headers = {
    authorization: `Bearer ${apiKey}`,
    'x-app-id': appId,
    'content-type': 'application/json',
    'idempotency-key': ['a', 'b'],
  }
  const sent = request(new URL('/api/toys', world.url), { method: 'POST', headers }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        headers: new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
        body: JSON.parse(text),
        text,
      }),
    )
  })
  sent.on('error', reject)
  sent.end('{"name":"ball"}')
  return promise
}
