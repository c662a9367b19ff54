import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../../../testing/world.ts'
import { removeAll } from '../removals/testing/remove-all.ts'

describe('the suspension of an organization that was being deleted', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  it('is removed with the organization', async () => {
    const { db } = world.platform
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    for (const { organizationId } of [tenant, other])
      await db.insertInto('organization_suspensions').values({ organization_id: organizationId, reason: 'x' }).execute()
    for (const table of ['organizations', 'applications'] as const)
      await db
        .updateTable(table)
        .set({ deleted_at: new Date() })
        .where(table === 'organizations' ? 'id' : 'organization_id', '=', tenant.organizationId)
        .execute()
    await removeAll(world)
    const left = await db.selectFrom('organization_suspensions').select('organization_id').execute()
    expect(left).toEqual([{ organization_id: other.organizationId }])
    const gone = await db.selectFrom('organizations').select('id').where('id', '=', tenant.organizationId).execute()
    expect(gone).toEqual([])
  })
})
