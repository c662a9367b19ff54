import { sql } from 'kysely'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../../../testing/world.ts'
import { newWireId } from '../../ids/id.ts'
import { created, endpoint } from '../endpoint.ts'
import { feature } from '../feature.ts'

/** Ends the wait of a handler, in the order of the requests. */
const waiting: (() => void)[] = []
let failsAfterwards = false

const makeGate = endpoint({
  route: 'POST /api/gates',
  summary: 'Make a change when the test says so',
  caller: 'application',
  permission: 'none',
  limit: 'default',
  idempotency: 'supported',
  audit: 'gate.made',
  body: Type.Object({}),
  returns: { 201: Type.Object({ id: Type.String() }) },
  fails: [],
  async handle({ changeOnce }) {
    await new Promise<void>((resolve) => void waiting.push(resolve))
    const reply = await changeOnce(async () => newWireId('req'), {
      describe: (id) => id,
      reply: (id) => created({ id }, `/api/gates/${id}`),
    })
    if (failsAfterwards) throw new Error('The request fails after its change.')
    return reply
  },
})
const gates = feature({
  folder: 'catalog/gates',
  tag: 'Gates',
  description: 'A feature of this test.',
  endpoints: { makeGate },
})

describe('an idempotency key that is kept with the change', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [gates], environment: { REDIS_URL: '' } })
  })
  afterAll(() => world.close())

  const begin = async (tenant: Awaited<ReturnType<World['tenant']>>, key: string) => {
    const earlier = waiting.length
    const answer = tenant.send('POST /api/gates', { body: {}, headers: { 'idempotency-key': key } })
    await expect.poll(() => waiting.length, { timeout: 15_000 }).toBe(earlier + 1)
    return { answer, go: waiting[earlier] ?? (() => undefined) }
  }
  const changesOf = ({ applicationId }: { applicationId: string }) =>
    world.platform.db
      .selectFrom('audit_log')
      .select('id')
      .where('action', '=', 'gate.made')
      .where('application_id', '=', applicationId)
      .execute()

  it('lets one change take effect when the lock of a slow request ended before its change', async () => {
    const tenant = await world.tenant()
    const slow = await begin(tenant, 'slow')
    await sql`update idempotency_keys set locked_until = now() - interval '1 s'`.execute(world.platform.db)
    const second = await begin(tenant, 'slow')
    second.go()
    const winner = await second.answer
    slow.go()
    const loser = await slow.answer
    expect([winner.status, loser.status, loser.headers.get('idempotent-replayed')]).toEqual([201, 201, 'true'])
    expect(loser.body).toEqual(winner.body)
    expect(await changesOf(tenant)).toHaveLength(1)
  })

  it('replays the reply of a change whose request failed afterwards', async () => {
    const tenant = await world.tenant()
    failsAfterwards = true
    const failing = await begin(tenant, 'fails')
    failing.go()
    expect((await failing.answer).status).toBe(500)
    failsAfterwards = false
    const again = await tenant.send('POST /api/gates', { body: {}, headers: { 'idempotency-key': 'fails' } })
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true'])
    expect(await changesOf(tenant)).toHaveLength(1)
  })
})
