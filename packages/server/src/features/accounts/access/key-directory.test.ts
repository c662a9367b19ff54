import { sql, type KyselyPlugin } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../platform/clock/clock.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { hashKey } from '../api-keys/index.ts'
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
  const revoke = () =>
    world.platform.db
      .updateTable('api_keys')
      .set({ revoked_at: clock.now() })
      .where('organization_id', '=', tenant.organizationId)
      .execute()

  it('finds the creator of a key, its application, its version pin, and its scopes within the role', async () => {
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

  it.each([
    '',
    'ask_',
    'ask_short',
    `ask_${'0'.repeat(48)}`,
    `nope_${'0'.repeat(48)}`,
    `ask_${'é'.repeat(48)}`,
    `ask_${'0'.repeat(300)}`,
  ])('does not know %j', async (secret) => {
    expect(await find(secret)).toBeUndefined()
  })

  it('reads a key once a minute, and sees changes with the next read', async () => {
    await find()
    await revoke()
    nowMs = start + 59_999
    expect(await find()).toBeDefined()
    nowMs = start + 60_000
    expect(await find()).toBeUndefined()
  })

  it('applies a revocation at once after a wake-up', async () => {
    await find()
    await revoke()
    world.platform.wake.wake('keys', tenant.apiKeyId)
    expect(await find()).toBeUndefined()
  })

  it('does not cache a read that began before a revocation', async () => {
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
    // The row has arrived when the pool is idle again; the gate delays the answer.
    await expect.poll(() => world.platform.database.pool.idleCount, { timeout: 15_000 }).toBeGreaterThan(0)
    await revoke()
    world.platform.wake.wake('keys', tenant.apiKeyId)
    gate.resolve()
    await early
    expect(await directory.find(tenant.apiKey)).toBeUndefined()
    await directory.close()
  })

  it('refuses a cached key from the millisecond of its expiry', async () => {
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

  it('refuses a key whose creator is no longer a member', async () => {
    await find()
    await world.platform.db.deleteFrom('organization_members').where('user_id', '=', tenant.userId).execute()
    world.platform.wake.wake('keys', '*')
    expect(await find()).toBeUndefined()
  })

  it('ignores stored scopes that a key cannot hold', async () => {
    const { apiKey } = await tenant.key({ scopes: ['org:delete', 'api-keys:create', 'nonsense', 'runs:read'] })
    expect([...((await find(apiKey))?.permissions ?? [])]).toEqual(['runs:read'])
  })

  describe('of a rotated key', () => {
    const rotate = async (former: string, overlapMs: number) => {
      const secret = `ask_${'1'.repeat(48)}`
      await world.platform.db
        .updateTable('api_keys')
        .set({
          key_hash: hashKey(secret),
          previous_key_hash: hashKey(former),
          previous_expires_at: new Date(nowMs + overlapMs),
          rotated_at: new Date(nowMs),
        })
        .where('key_hash', '=', hashKey(former))
        .execute()
      world.platform.wake.wake('keys', '*')
      return secret
    }

    it('accepts both secrets for the same key, the replaced one to the millisecond of its end', async () => {
      const before = await find()
      const secret = await rotate(tenant.apiKey, 5_000)
      const renewed = { ...before, secretHash: hashKey(secret).toString('base64') }
      expect(await find(secret)).toEqual(renewed)
      nowMs = start + 4_999
      expect(await find()).toEqual({ ...before, expiresAt: new Date(start + 5_000) })
      nowMs = start + 5_000
      expect(await find()).toBeUndefined()
      expect(await find(secret)).toEqual(renewed)
    })

    it('refuses the replaced secret when the key expires first', async () => {
      const { apiKey } = await tenant.key({ expiresAt: new Date(start + 1_000) })
      const secret = await rotate(apiKey, 5_000)
      nowMs = start + 999
      expect([await find(apiKey), await find(secret)]).toEqual([expect.anything(), expect.anything()])
      nowMs = start + 1_000
      expect([await find(apiKey), await find(secret)]).toEqual([undefined, undefined])
    })

    it('refuses both secrets after a revocation', async () => {
      const secret = await rotate(tenant.apiKey, 5_000)
      await find(secret)
      await revoke()
      world.platform.wake.wake('keys', tenant.apiKeyId)
      expect([await find(), await find(secret)]).toEqual([undefined, undefined])
    })
  })

  it('reads keys through indexes, rotated keys too', async () => {
    await sql`
      insert into api_keys
        (id, organization_id, application_id, name, key_hash, key_prefix, scopes, created_by, previous_key_hash)
      select gen_random_uuid(), organization_id, application_id, name, sha256(('new ' || n)::bytea), key_prefix, scopes,
        created_by, sha256(('old ' || n)::bytea)
      from api_keys, generate_series(1, 5000) n where organization_id = ${tenant.organizationId}`.execute(
      world.platform.db,
    )
    await sql`analyze api_keys`.execute(world.platform.db)
    const hash = hashKey('any')
    const { rows } = await sql<{ 'QUERY PLAN': string }>`
      explain select id from api_keys
      where (key_hash = ${hash} or previous_key_hash = ${hash}) and revoked_at is null`.execute(world.platform.db)
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(
      /BitmapOr[^]*api_keys_key_hash_key[^]*api_keys_previous_key_hash_key/,
    )
  })

  it('collects when a key was used, and saves it when it closes', async () => {
    const directory = keyDirectory.open(world.platform)
    await directory.find(tenant.apiKey)
    nowMs = start + 90_000
    await directory.find(tenant.apiKey)
    await directory.find(`ask_${'0'.repeat(48)}`)
    await directory.close()
    const row = await world.platform.db
      .selectFrom('api_keys')
      .select('last_used_at')
      .where('organization_id', '=', tenant.organizationId)
      .executeTakeFirstOrThrow()
    expect(row.last_used_at?.getTime()).toBe(start + 90_000)
  })
})
