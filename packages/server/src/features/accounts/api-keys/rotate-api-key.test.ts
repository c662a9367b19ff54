import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../platform/clock/clock.ts'
import { generateEncryptionKey } from '../../../platform/crypto/key-ring.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { eventually } from '../../../testing/factories/run-world.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { requester } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../applications/index.ts'
import { apiKeysFeature } from './index.ts'
import { rotateApiKey } from './rotate-api-key.ts'
import { openSecondNode } from './testing/second-node.ts'

const options = { features: [apiKeysFeature, applicationsFeature] }
const daySeconds = 86_400
const sharedDatabase = {
  DATABASE_URL: 'postgres://localhost/of-this-test',
  ENCRYPTION_KEYS: generateEncryptionKey('1'),
  AUTH_SECRET: 'a secret of the tests, 32 characters',
}

describeEndpoint(rotateApiKey, {
  as: 'session',
  given: async (tenant) => tenant.apiKeyId,
  call: (keyId) => ({ params: { keyId }, body: { overlapSeconds: 60 } }),
  world: options,
})

describe('rotating an API key', () => {
  // The clock starts at the real time: with a clock in the past, the sessions of the tests would not be valid.
  const start = Date.now()
  let nowMs = start
  const clock: Clock = { now: () => new Date(nowMs) }
  let world: World
  beforeAll(async () => {
    // With a DATABASE_URL the nodes exchange wake-ups through the database. They use the world's own, not this address.
    world = await openWorld({ ...options, clock, environment: sharedDatabase })
  })
  beforeEach(() => {
    nowMs = start
  })
  afterAll(() => world.close())

  const given = async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    return {
      tenant,
      send,
      rotate: (body?: object) =>
        send(`POST /api/api-keys/${tenant.apiKeyId}/rotate`, body === undefined ? {} : { body }),
    }
  }
  const works = async ({ appId }: Tenant, key: string) => {
    const answer = await requester(world.url, { authorization: `Bearer ${key}`, 'x-app-id': appId })(
      'GET /api/applications',
    )
    expect([200, 401]).toContain(answer.status)
    return answer.status === 200
  }

  it('shows a new secret once; id, name, scopes and expiry do not change', async () => {
    const { tenant, send, rotate } = await given()
    const before = (await send(`GET /api/api-keys/${tenant.apiKeyId}`)).body
    const { body, status } = await rotate()
    expect(status).toBe(200)
    const { key, ...shown } = body
    expect(shown).toEqual({
      ...before,
      keyPrefix: key.slice(0, 8),
      rotatedAt: new Date(nowMs).toISOString(),
      previousExpiresAt: new Date(nowMs + daySeconds * 1_000).toISOString(),
    })
    expect((await send(`GET /api/api-keys/${tenant.apiKeyId}`)).body).toEqual(shown)
    expect(await works(tenant, key)).toBe(true)
  })

  it('accepts the previous secret until the overlap ends, to the millisecond', async () => {
    const { tenant, rotate } = await given()
    expect(await works(tenant, tenant.apiKey)).toBe(true)
    const { key } = (await rotate({ overlapSeconds: 10 })).body
    nowMs = start + 9_999
    expect([await works(tenant, tenant.apiKey), await works(tenant, key)]).toEqual([true, true])
    nowMs = start + 10_000
    expect([await works(tenant, tenant.apiKey), await works(tenant, key)]).toEqual([false, true])
  })

  it('keeps at most one previous secret, and none if the overlap is 0', async () => {
    const { tenant, rotate } = await given()
    expect(await works(tenant, tenant.apiKey)).toBe(true)
    const second = (await rotate()).body.key
    const third = (await rotate()).body.key
    expect([await works(tenant, tenant.apiKey), await works(tenant, second), await works(tenant, third)]).toEqual([
      false,
      true,
      true,
    ])
    const fourth = (await rotate({ overlapSeconds: 0 })).body.key
    expect([await works(tenant, second), await works(tenant, third), await works(tenant, fourth)]).toEqual([
      false,
      false,
      true,
    ])
  })

  it('gives each of ten parallel rotations its own secret, and only the last two secrets work', async () => {
    const { tenant, rotate } = await given()
    const keys = (await Promise.all(Array.from({ length: 10 }, () => rotate()))).map(({ body }): string => body.key)
    expect(new Set(keys).size).toBe(10)
    const working = await Promise.all(keys.map((key) => works(tenant, key)))
    expect(working.filter(Boolean)).toHaveLength(2)
    expect(await works(tenant, tenant.apiKey)).toBe(false)
  })

  it('stores, logs and audits only the part of a secret that may be shown', async () => {
    const { tenant, rotate } = await given()
    const answer = await rotate()
    const { db } = world.platform
    const row = await db
      .selectFrom('api_keys')
      .selectAll()
      .where('application_id', '=', tenant.applicationId)
      .executeTakeFirstOrThrow()
    const entry = await db
      .selectFrom('audit_log')
      .selectAll()
      .where('request_id', '=', String(answer.headers.get('request-id')))
      .executeTakeFirstOrThrow()
    expect(entry).toMatchObject({ action: 'api-key.rotated', resource_id: tenant.apiKeyId })
    const [before, after] = [tenant.apiKey.slice(0, 8), answer.body.keyPrefix]
    // One in 65,536 secrets starts with the same characters as the secret before it.
    expect(entry.changes).toMatchObject({
      ...(before === after ? {} : { keyPrefix: { before, after } }),
      rotatedAt: { before: null },
    })
    for (const secret of [answer.body.key, tenant.apiKey])
      expect(JSON.stringify([row, entry]) + world.logLines.join('\n')).not.toContain(secret.slice(8))
  })

  it('takes effect on every node, like a revocation', async () => {
    const node = await openSecondNode(world)
    const { tenant, send, rotate } = await given()
    expect(await node.knows(tenant.apiKey)).toBe(true)
    const { key } = (await rotate({ overlapSeconds: 0 })).body
    // The node caches a key for a minute; the wake-up from the other node invalidates it earlier.
    await eventually(async () => ((await node.knows(tenant.apiKey)) ? undefined : true))
    expect(await node.knows(key)).toBe(true)
    await send(`DELETE /api/api-keys/${tenant.apiKeyId}`)
    await eventually(async () => ((await node.knows(key)) ? undefined : true))
    await node.close()
  })

  it('answers 409 for an expired key and 404 for a revoked key', async () => {
    const { tenant, send } = await given()
    const { apiKeyId } = await tenant.key({ expiresAt: new Date(start) })
    expectProblem(rotateApiKey, await send(`POST /api/api-keys/${apiKeyId}/rotate`), 'api-key-expired')
    await send(`DELETE /api/api-keys/${tenant.apiKeyId}`)
    expectProblem(rotateApiKey, await send(`POST /api/api-keys/${tenant.apiKeyId}/rotate`), 'api-key-not-found')
  })

  it('refuses members, viewers and API keys', async () => {
    for (const role of ['member', 'viewer'] as const) {
      const weak = await world.tenant({ role })
      expectProblem(
        rotateApiKey,
        await (await weak.session()).send(`POST /api/api-keys/${weak.apiKeyId}/rotate`),
        'forbidden',
      )
    }
    const { tenant } = await given()
    expectProblem(rotateApiKey, await tenant.send(`POST /api/api-keys/${tenant.apiKeyId}/rotate`), 'forbidden')
  })

  it.each([-1, 7 * daySeconds + 1, 1.5, '60'])('refuses an overlap of %j', async (overlapSeconds) => {
    const { rotate } = await given()
    expectProblem(rotateApiKey, await rotate({ overlapSeconds }), 'validation-error')
  })
})
