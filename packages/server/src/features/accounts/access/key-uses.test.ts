import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import { eventually } from '../../../testing/factories/run-world.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { startKeyUses } from './key-uses.ts'

const at = (minute: number) => new Date(Date.UTC(2026, 2, 21, 9, minute))

describe('the last uses of API keys', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [] })
  })
  afterAll(() => world.close())
  const uuidOf = (wireId: string) => parseWireId('key', wireId) ?? ''
  const usedAt = async ({ applicationId }: Tenant) => {
    const rows = await world.platform.db
      .selectFrom('api_keys')
      .select('last_used_at')
      .where('application_id', '=', applicationId)
      .orderBy('id')
      .execute()
    return rows.map((row) => row.last_used_at?.getTime() ?? null)
  }
  const updates = async () => {
    const { rows } = await sql<{ updates: number }>`
      select pg_stat_get_xact_tuples_updated('api_keys'::regclass)
        + pg_stat_get_tuples_updated('api_keys'::regclass) as updates`.execute(world.platform.db)
    return rows[0]?.updates ?? 0
  }

  it('are collected, and saved for all keys in one write', async () => {
    const tenant = await world.tenant()
    const second = await tenant.key()
    const uses = startKeyUses(world.platform, 60_000)
    for (let minute = 0; minute < 50; minute += 1) uses.record(uuidOf(tenant.apiKeyId), at(minute))
    uses.record(uuidOf(second.apiKeyId), at(7))
    expect(await usedAt(tenant)).toEqual([null, null])
    const before = await updates()
    await uses.stop()
    expect(await usedAt(tenant)).toEqual([at(49).getTime(), at(7).getTime()])
    await eventually(async () => ((await updates()) >= before + 2 ? true : undefined))
    expect(await updates()).toBe(before + 2)
  })

  it('are saved every interval', async () => {
    const tenant = await world.tenant()
    const uses = startKeyUses(world.platform, 20)
    for (const minute of [1, 2]) {
      uses.record(uuidOf(tenant.apiKeyId), at(minute))
      await eventually(async () => ((await usedAt(tenant))[0] === at(minute).getTime() ? true : undefined))
    }
    await uses.stop()
  })

  it('never move backwards, regardless of the order in which nodes save them', async () => {
    const tenant = await world.tenant()
    const [early, late] = [startKeyUses(world.platform, 60_000), startKeyUses(world.platform, 60_000)]
    early.record(uuidOf(tenant.apiKeyId), at(1))
    late.record(uuidOf(tenant.apiKeyId), at(2))
    await late.stop()
    await early.stop()
    expect(await usedAt(tenant)).toEqual([at(2).getTime()])
  })

  it('are saved without waiting for locks: a locked key is skipped', async () => {
    const tenant = await world.tenant()
    const second = await tenant.key()
    const uses = startKeyUses(world.platform, 60_000)
    for (const { apiKeyId } of [tenant, second]) uses.record(uuidOf(apiKeyId), at(3))
    await world.platform.db.transaction().execute(async (tx) => {
      await sql`select 1 from api_keys where id = ${uuidOf(tenant.apiKeyId)} for update`.execute(tx)
      await uses.stop()
    })
    expect(await usedAt(tenant)).toEqual([null, at(3).getTime()])
  })

  it('are held for a bounded number of keys', async () => {
    const tenant = await world.tenant()
    const uses = startKeyUses(world.platform, 60_000)
    for (let n = 0; n < 50_000; n += 1) uses.record(newUuid(), at(1))
    uses.record(uuidOf(tenant.apiKeyId), at(1))
    await uses.stop()
    expect(await usedAt(tenant)).toEqual([null])
  }, 60_000)

  it('are lost without an error when they cannot be saved', async () => {
    const uses = startKeyUses(world.platform, 60_000)
    uses.record('no uuid', at(1))
    await uses.stop()
    expect(world.logLines.some((line) => line.includes('could not be saved'))).toBe(true)
  })
})
