import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import { erasedSeal, plainSeal } from './content-seal.ts'
import { contentSeals } from './content-seals.ts'
import { endUsersFeature } from './index.ts'

describe('the seals of end-users', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld({ features: [endUsersFeature] })
    tenant = await world.tenant()
  })
  afterAll(() => world.close())

  const seals = () => world.platform.use(contentSeals)
  const newOwner = async () => ({
    applicationId: tenant.applicationId,
    endUserId: parseWireId('eu', await tenant.endUser()) ?? '',
  })
  const keysOf = (endUserId: string) =>
    world.platform.db.selectFrom('end_user_keys').selectAll().where('end_user_id', '=', endUserId).execute()
  const destroy = (endUserId: string) =>
    world.platform.db.deleteFrom('end_user_keys').where('end_user_id', '=', endUserId).execute()

  it('create one data key for concurrent requests, and store it sealed by the key ring', async () => {
    const owner = await newOwner()
    const made = await Promise.all(Array.from({ length: 8 }, () => seals().of(world.platform.db, owner)))
    const sealed = made[0]?.seal({ a: 1 })
    for (const seal of made) expect(seal.unseal(sealed)).toEqual({ a: 1 })
    const [row, ...others] = await keysOf(owner.endUserId)
    expect(others).toEqual([])
    expect(
      Buffer.from(
        world.platform.keyRing.unseal(row?.encrypted_key ?? '', `end_user_keys/${owner.endUserId}`),
        'base64',
      ),
    ).toHaveLength(32)
  })

  it('encrypt nothing without an end-user', async () => {
    expect(await seals().of(world.platform.db, { applicationId: tenant.applicationId, endUserId: null })).toBe(
      plainSeal,
    )
  })

  it('drop a destroyed key from the cache, on a call and on a wake-up', async () => {
    for (const tell of [(id: string) => seals().forget(id), (id: string) => world.platform.wake.wake('keys', id)]) {
      const owner = await newOwner()
      const sealed = (await seals().of(world.platform.db, owner)).seal('secret')
      await destroy(owner.endUserId)
      tell(owner.endUserId)
      const sealOf = await seals().ofAll(world.platform.db, tenant.applicationId, [owner.endUserId])
      expect(sealOf(owner.endUserId).unseal(sealed)).toBeNull()
      expect(await keysOf(owner.endUserId)).toEqual([])
    }
  })

  it('create no key for a deleted end-user, for one of another application, or for reading', async () => {
    const owner = await newOwner()
    const { db } = world.platform
    expect(await seals().of(db, { ...owner, endUserId: newUuid() })).toBe(erasedSeal)
    expect(await seals().of(db, { ...owner, applicationId: (await world.tenant()).applicationId })).toBe(erasedSeal)
    expect((await seals().ofAll(db, tenant.applicationId, [owner.endUserId]))(owner.endUserId)).toBe(erasedSeal)
    expect(await keysOf(owner.endUserId)).toEqual([])
  })

  it('never use a key of another application', async () => {
    const owner = await newOwner()
    const sealed = (await seals().of(world.platform.db, owner)).seal('secret')
    const stranger = (await world.tenant()).applicationId
    expect(
      (await seals().ofAll(world.platform.db, stranger, [owner.endUserId]))(owner.endUserId).unseal(sealed),
    ).toBeNull()
    expect((await seals().of(world.platform.db, owner)).unseal(sealed)).toBe('secret')
  })

  it('do not cache a key from a transaction that is rolled back', async () => {
    const owner = await newOwner()
    const left = new Error('left')
    const work = world.platform.db.transaction().execute(async (tx) => {
      ;(await seals().of(tx, owner)).seal('x')
      throw left
    })
    await expect(work).rejects.toBe(left)
    const sealed = (await seals().of(world.platform.db, owner)).seal('y')
    seals().forget('*')
    expect((await seals().of(world.platform.db, owner)).unseal(sealed)).toBe('y')
  })

  it('do not open a key that was moved to another row', async () => {
    const [owner, other] = [await newOwner(), await newOwner()]
    await seals().of(world.platform.db, owner)
    await seals().of(world.platform.db, other)
    const [row] = await keysOf(owner.endUserId)
    await world.platform.db
      .updateTable('end_user_keys')
      .set({ encrypted_key: row?.encrypted_key ?? '' })
      .where('end_user_id', '=', other.endUserId)
      .execute()
    seals().forget('*')
    await expect(seals().of(world.platform.db, other)).rejects.toThrow(SealBroken)
  })
})
