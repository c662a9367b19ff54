import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSessionCookie } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { deleteExpiredSessions } from './delete-expired-sessions.job.ts'

const signal = new AbortController().signal

describe('deleting expired sessions', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [] })
  })
  afterAll(() => world.close())

  it('deletes expired sessions and verifications, and nothing else', async () => {
    const { db } = world.platform
    const { userId } = await world.tenant()
    for (let n = 0; n < 2; n += 1) await createSessionCookie(world.platform, userId)
    const [first] = await db.selectFrom('sessions').select('id').orderBy('id').execute()
    await db
      .updateTable('sessions')
      .set({ expires_at: new Date(Date.now() - 1000) })
      .where('id', '=', first?.id ?? '')
      .execute()
    for (const [id, ms] of [
      ['past', -1000],
      ['future', 60_000],
    ] as const) {
      await db
        .insertInto('verifications')
        .values({ id, identifier: id, value: 'x', expires_at: new Date(Date.now() + ms) })
        .execute()
    }
    expect(await deleteExpiredSessions.run(world.platform, signal)).toBe(false)
    const sessions = await db.selectFrom('sessions').select('id').execute()
    expect(sessions).toHaveLength(1)
    expect(sessions).not.toContainEqual(first)
    expect(await db.selectFrom('verifications').select('id').execute()).toEqual([{ id: 'future' }])
  })

  it('deletes in batches', async () => {
    await sql`
      insert into verifications (id, identifier, value, expires_at)
      select n::text, 'x', 'x', now() - interval '1 day' from generate_series(1, 1200) as n`.execute(world.platform.db)
    expect(await deleteExpiredSessions.run(world.platform, signal)).toBe(true)
    expect(await deleteExpiredSessions.run(world.platform, signal)).toBe(false)
  })
})
