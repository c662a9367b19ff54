import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OperatorError } from '../../../platform/problems/operator-error.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { isAdministrator } from './administrator-store.ts'
import { grantByCommand, revokeByCommand } from './grant-by-command.ts'

describe('the command for administrators', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [] })
  })
  afterAll(() => world.close())

  it('grants and revokes the mark by e-mail address in any case, and records both', async () => {
    const { db } = world.platform
    const { userId, slug } = await world.tenant()
    const email = `${slug.toUpperCase()}@example.com`
    expect([await grantByCommand(db, email), await grantByCommand(db, email)]).toEqual([true, false])
    expect(await isAdministrator(db, userId)).toBe(true)
    expect([await revokeByCommand(db, email), await revokeByCommand(db, email)]).toEqual([true, false])
    expect(await isAdministrator(db, userId)).toBe(false)
    const entries = await db.selectFrom('audit_log').select(['action', 'actor', 'organization_id']).execute()
    expect(entries).toEqual(
      ['administrator.granted', 'administrator.revoked'].map((action) => ({
        action,
        actor: { kind: 'system', part: 'command' },
        organization_id: null,
      })),
    )
  })

  it('refuses an address without a user', async () => {
    await expect(grantByCommand(world.platform.db, 'nobody@example.com')).rejects.toThrow(OperatorError)
    await expect(revokeByCommand(world.platform.db, 'nobody@example.com')).rejects.toThrow(OperatorError)
  })
})
