import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { connectModel } from '../../../testing/factories/model.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { hasRedisServer, startRedisServer, type RedisServer } from '../../redis/testing/redis-server.ts'

describe('a repeated request whose result was deleted, with keys in PostgreSQL', () => {
  showsNothing(async () => undefined)
})

describe.runIf(hasRedisServer)('a repeated request whose result was deleted, with keys in Redis', () => {
  showsNothing(startRedisServer)
})

interface Case {
  readonly route: string
  readonly body: (tenant: Tenant, world: World) => Promise<object>
  readonly before?: (tenant: Tenant, id: string) => Promise<unknown>
  readonly remove: (id: string) => string
  readonly asUser?: true
}

const needle = 'Vanishing Vera'
const schedule = async (tenant: Tenant) => ({
  agentId: await createAgent(tenant),
  cronExpression: '0 0 1 1 *',
  name: needle,
})

const cases: Readonly<Record<string, Case>> = {
  'an erased end-user': {
    route: 'POST /api/end-users',
    body: async () => ({ name: needle, email: 'vera@example.com', metadata: { note: needle } }),
    remove: (id) => `DELETE /api/end-users/${id}`,
  },
  'a deleted run': {
    route: 'POST /api/runs',
    async body(tenant, { platform }) {
      await connectModel(platform, tenant, { url: 'http://127.0.0.1:9', scenario: 'hello' })
      return { agentId: await createAgent(tenant), input: { note: needle } }
    },
    before: (tenant, id) => tenant.send(`POST /api/runs/${id}/cancel`),
    remove: (id) => `DELETE /api/runs/${id}`,
  },
  'a deleted schedule': {
    route: 'POST /api/schedules',
    async body(tenant, { platform }) {
      await connectModel(platform, tenant, { url: 'http://127.0.0.1:9', scenario: 'hello' })
      return schedule(tenant)
    },
    remove: (id) => `DELETE /api/schedules/${id}`,
  },
  'a deleted agent': {
    route: 'POST /api/agents',
    body: async () => ({ name: 'vera', displayName: needle, prompt: needle }),
    remove: (id) => `DELETE /api/agents/${id}`,
  },
  'a deleted application': {
    route: 'POST /api/applications',
    body: async () => ({ name: needle }),
    remove: (id) => `DELETE /api/applications/${id}`,
    asUser: true,
  },
  'a deleted organization': {
    route: 'POST /api/orgs',
    body: async () => ({ name: needle }),
    remove: (id) => `DELETE /api/orgs/${id}`,
    asUser: true,
  },
}

function showsNothing(startRedis: () => Promise<RedisServer | undefined>): void {
  let world: World
  let redis: RedisServer | undefined
  beforeAll(async () => {
    redis = await startRedis()
    world = await openWorld({ environment: { REDIS_URL: redis?.url ?? '' } })
    if (redis !== undefined) await vi.waitUntil(() => world.platform.redis?.status === 'ready', 15_000)
  })
  afterAll(async () => {
    await world.close().finally(() => redis?.close())
  })

  const auditedOf = async () =>
    (await world.platform.db.selectFrom('audit_log').select('id').where('action', 'like', '%.created').execute()).length

  it.each(Object.entries(cases))('shows nothing of %s, and creates no second one', async (_name, made) => {
    const tenant = await world.tenant()
    const { send } = made.asUser === true ? await tenant.session() : tenant
    const body = await made.body(tenant, world)
    const create = () => send(made.route, { body, headers: { 'idempotency-key': 'once' } })
    const first = await create()
    expect(first.text, String(first.status)).toContain(needle)
    const id = String(first.body.id)
    expect((await create()).text, 'as long as it exists').toBe(first.text)
    await made.before?.(tenant, id)
    const removed = await send(made.remove(id))
    expect(removed.status, removed.text).toBeLessThan(300)
    const audited = await auditedOf()
    for (let sent = 0; sent < 2; sent++) {
      const again = await create()
      expectProblem(undefined, again, 'idempotency-result-deleted')
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([410, 'true'])
      expect(again.text).not.toContain(needle)
      expect(again.text).not.toContain('vera@')
    }
    expect(await auditedOf(), 'nothing was created').toBe(audited)
    const other = await send(made.route, { body: { ...body, x: 1 }, headers: { 'idempotency-key': 'once' } })
    expect(other.status, 'the key is still used').toBe(422)
  })

  it('shows nothing of a run whose end-user was erased', async () => {
    const tenant = await world.tenant()
    await connectModel(world.platform, tenant, { url: 'http://127.0.0.1:9', scenario: 'hello' })
    const endUser = await tenant.endUser()
    const made = await tenant.sendAs(endUser)('POST /api/schedules', {
      body: { ...(await schedule(tenant)), input: { note: needle } },
    })
    expect(made.status, made.text).toBe(201)
    const run = () => tenant.send(`POST /api/schedules/${made.body.id}/run`, { headers: { 'idempotency-key': 'once' } })
    const first = await run()
    expect([first.status, first.body.endUserId]).toEqual([202, endUser])
    expect(first.text).toContain(needle)
    await tenant.send(`DELETE /api/end-users/${endUser}`)
    expectProblem(undefined, await run(), 'idempotency-result-deleted')
  })
}
