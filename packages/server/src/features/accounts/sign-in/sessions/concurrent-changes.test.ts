import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../../testing/describe-endpoint.ts'
import { fromOurPage, signUp } from '../../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { signInFeature } from '../index.ts'
import { signInEmail } from '../sign-in-email.ts'

describe('a change of the password', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [signInFeature] })
  })
  afterAll(() => world.close())

  const sessionsOf = async (userId: string) =>
    (await world.platform.db.selectFrom('sessions').select('id').where('user_id', '=', userId).execute()).length

  it('ends a session that is opened with the former password at the same time', async () => {
    const user = await signUp(world)
    const { db } = world.platform
    const before = await sessionsOf(user.userId)
    const { answer } = await db.transaction().execute(async (tx) => {
      await sql`lock table sessions in share mode`.execute(tx)
      const signIn = fromOurPage(world)('POST /api/auth/sign-in/email', {
        body: { email: user.email, password: user.password },
      })
      // The password was checked: the new session waits for the lock.
      await expect.poll(() => isWaiting(world), { timeout: 20_000, interval: 10 }).toBe(true)
      await sql`update accounts set password = 'changed' where user_id = ${user.userId}`.execute(db)
      return { answer: signIn }
    })
    expectProblem(signInEmail, await answer, 'sign-in-failed')
    expect(await sessionsOf(user.userId)).toBe(before)
  })

  it('leaves one session when several are made at the same time', async () => {
    const user = await signUp(world)
    const passwords = ['velvet-otter-lagoon', 'mango.tractor.whistle', 'glacier_pickle_drum', 'quiet-lemon-orbit-42']
    await Promise.all(
      passwords.map((newPassword) =>
        user.send('POST /api/auth/change-password', { body: { currentPassword: user.password, newPassword } }),
      ),
    )
    expect(await sessionsOf(user.userId)).toBeLessThanOrEqual(1)
  })
})

async function isWaiting({ platform }: World): Promise<boolean> {
  const { rows } = await sql`
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(platform.db)
  return rows.length > 0
}
