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
  // A day in the past would end the sessions that the tests make.
  const start = Date.now()
  let nowMs = start
  const clock: Clock = { now: () => new Date(nowMs) }
  let world: World
  beforeAll(async () => {
    // The nodes tell each other over the database, which they share; its address is the test's own.
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

  it('shows a new secret once; id, name, scopes and expiry stay', async () => {
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

  it('lets the former secret work until the overlap ends, to the millisecond', async () => {
    const { tenant, rotate } = await given()
    expect(await works(tenant, tenant.apiKey)).toBe(true)
    const { key } = (await rotate({ overlapSeconds: 10 })).body
    nowMs = start + 9_999
    expect([await works(tenant, tenant.apiKey), await works(tenant, key)]).toEqual([true, true])
    nowMs = start + 10_000
    expect([await works(tenant, tenant.apiKey), await works(tenant, key)]).toEqual([false, true])
  })

  it('ends the former secret at once without an overlap, and the one before it with every rotation', async () => {
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

  it('gives each of ten parallel rotations a secret of its own, of which the last two work', async () => {
    const { tenant, rotate } = await given()
    const keys = (await Promise.all(Array.from({ length: 10 }, () => rotate()))).map(({ body }): string => body.key)
    expect(new Set(keys).size).toBe(10)
    const working = await Promise.all(keys.map((key) => works(tenant, key)))
    expect(working.filter(Boolean)).toHaveLength(2)
    expect(await works(tenant, tenant.apiKey)).toBe(false)
  })

  it('keeps, logs and audits nothing of a secret but what may be shown', async () => {
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
    // One secret in 65,536 begins like the one before it.
    expect(entry.changes).toMatchObject({
      ...(before === after ? {} : { keyPrefix: { before, after } }),
      rotatedAt: { before: null },
    })
    for (const secret of [answer.body.key, tenant.apiKey])
      expect(JSON.stringify([row, entry]) + world.logLines.join('\n')).not.toContain(secret.slice(8))
  })

  it('is honoured by every node, as is a revocation', async () => {
    const node = await openSecondNode(world)
    const { tenant, send, rotate } = await given()
    expect(await node.knows(tenant.apiKey)).toBe(true)
    const { key } = (await rotate({ overlapSeconds: 0 })).body
    // Its cache keeps a key for a minute: what ends it sooner is the word from the other node.
    await eventually(async () => ((await node.knows(tenant.apiKey)) ? undefined : true))
    expect(await node.knows(key)).toBe(true)
    await send(`DELETE /api/api-keys/${tenant.apiKeyId}`)
    await eventually(async () => ((await node.knows(key)) ? undefined : true))
    await node.close()
  })

  it('is refused for an expired key, and not found for a revoked one', async () => {
    const { tenant, send } = await given()
    const { apiKeyId } = await tenant.key({ expiresAt: new Date(start) })
    expectProblem(rotateApiKey, await send(`POST /api/api-keys/${apiKeyId}/rotate`), 'api-key-expired')
    await send(`DELETE /api/api-keys/${tenant.apiKeyId}`)
    expectProblem(rotateApiKey, await send(`POST /api/api-keys/${tenant.apiKeyId}/rotate`), 'api-key-not-found')
  })

  it('is not for members and viewers, nor for API keys', async () => {
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
