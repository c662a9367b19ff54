import type { KyselyPlugin } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../platform/clock/clock.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { keyDirectory } from './key-directory.ts'

const start = Date.parse('2026-03-21T09:00:00.000Z')

describe('the key directory', () => {
  let nowMs = start
  const clock: Clock = { now: () => new Date(nowMs) }
  let world: World
  let tenant: Tenant
  beforeEach(async () => {
    nowMs = start
    world = await openWorld({ features: [], clock })
    tenant = await world.tenant()
  })
  afterEach(() => world.close())

  const find = (secret = tenant.apiKey) => world.platform.use(keyDirectory).find(secret)
  const setRole = (role: 'member' | 'viewer') =>
    world.platform.db.updateTable('organization_members').set({ role }).where('user_id', '=', tenant.userId).execute()
  const revoke = () => world.platform.db.updateTable('api_keys').set({ revoked_at: clock.now() }).where('organization_id', '=', tenant.organizationId).execute()

  it('tells who a key is: its creator, application, pin, and scopes within the role', async () => {
    expect(await find()).toMatchObject({
      kind: 'api-key',
      userId: tenant.userId,
      keyId: parseWireId('key', tenant.apiKeyId),
      organizationId: tenant.organizationId,
      applicationId: tenant.applicationId,
      apiVersion: null,
    })
    expect((await find())?.permissions.has('agents:write')).toBe(true)
  })

  it.each(['', 'ask_', 'ask_short', `ask_${'0'.repeat(48)}`, `nope_${'0'.repeat(48)}`, `ask_${'é'.repeat(48)}`, `ask_${'0'.repeat(300)}`])('does not know %j', async (secret) => {
    expect(await find(secret)).toBeUndefined()
  })

  it('reads a key once a minute, and then sees what changed meanwhile', async () => {
    await find()
    await revoke()
    nowMs = start + 59_999
    expect(await find()).toBeDefined()
    nowMs = start + 60_000
    expect(await find()).toBeUndefined()
  })

  it('honours a revocation at once when it is woken', async () => {
    await find()
    await revoke()
    world.platform.wake.wake('keys', tenant.apiKeyId)
    expect(await find()).toBeUndefined()
  })

  it('does not keep what it read before a revocation that came in between', async () => {
    const gate = Promise.withResolvers<void>()
    const slow: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        await gate.promise
        return result
      },
    }
    const directory = keyDirectory.open({ ...world.platform, db: world.platform.db.withPlugin(slow) })
    const early = directory.find(tenant.apiKey)
    // The row has arrived once the pool is idle again; the answer is held back by the gate.
    await expect.poll(() => world.platform.database.pool.idleCount).toBeGreaterThan(0)
    await revoke()
    world.platform.wake.wake('keys', tenant.apiKeyId)
    gate.resolve()
    await early
    expect(await directory.find(tenant.apiKey)).toBeUndefined()
    await directory.close()
  })

  it('ends with the expiry to the millisecond, though the key was read a moment ago', async () => {
    const { apiKey } = await tenant.key({ expiresAt: new Date(start + 1000) })
    nowMs = start + 999
    expect(await find(apiKey)).toBeDefined()
    nowMs = start + 1000
    expect(await find(apiKey)).toBeUndefined()
  })

  it("follows the creator's role", async () => {
    await setRole('viewer')
    const permissions = [...((await find())?.permissions ?? [])]
    expect(permissions).toContain('agents:read')
    expect(permissions.filter((permission) => !permission.endsWith(':read'))).toEqual([])
    await setRole('member')
    world.platform.wake.wake('keys', '*')
    expect((await find())?.permissions.has('agents:run')).toBe(true)
  })

  it('ends when its creator is no longer a member', async () => {
    await find()
    await world.platform.db.deleteFrom('organization_members').where('user_id', '=', tenant.userId).execute()
    world.platform.wake.wake('keys', '*')
    expect(await find()).toBeUndefined()
  })

  it('gives nothing that keys can not hold, whatever is stored', async () => {
    const { apiKey } = await tenant.key({ scopes: ['org:delete', 'api-keys:create', 'nonsense', 'runs:read'] })
    expect([...((await find(apiKey))?.permissions ?? [])]).toEqual(['runs:read'])
  })

  it('notes when a key was used, to the minute, behind the back of the request', async () => {
    const usedAt = async () => {
      const row = await world.platform.db.selectFrom('api_keys').select('last_used_at').where('organization_id', '=', tenant.organizationId).executeTakeFirst()
      return row?.last_used_at?.getTime()
    }
    expect(await usedAt()).toBeUndefined()
    await find()
    await expect.poll(usedAt).toBe(start)
    nowMs = start + 90_000
    await find()
    await expect.poll(usedAt).toBe(start + 90_000)
  })
})
