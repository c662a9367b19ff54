import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSessionCookie } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { findSessionUser } from './auth-library.ts'
import { warmSignIn } from './index.ts'

describe('the auth library', () => {
  let world: World
  beforeEach(async () => {
    world = await openWorld({ features: [] })
  })
  afterEach(() => world.close())

  it('loads without a database query', async () => {
    await warmSignIn(world.platform)
    expect(world.platform.database.pool.totalCount).toBe(0)
  })

  it('finds the user of a session cookie without extending the session', async () => {
    const { userId } = await world.tenant()
    const headers = new Headers({ cookie: await createSessionCookie(world.platform, userId) })
    const expiry = () =>
      world.platform.db.selectFrom('sessions').select('expires_at').where('user_id', '=', userId).executeTakeFirst()
    const before = await expiry()
    expect(await findSessionUser(world.platform, headers)).toMatchObject({ userId })
    expect(await expiry()).toEqual(before)
  })

  it('finds no user without a cookie, with a forged cookie, or after the session has ended', async () => {
    const { userId } = await world.tenant()
    const cookie = await createSessionCookie(world.platform, userId)
    expect(await findSessionUser(world.platform, new Headers())).toBeUndefined()
    expect(await findSessionUser(world.platform, new Headers({ cookie: cookie.replace('=', '=x') }))).toBeUndefined()
    await world.platform.db.deleteFrom('sessions').where('user_id', '=', userId).execute()
    expect(await findSessionUser(world.platform, new Headers({ cookie }))).toBeUndefined()
  })
})
