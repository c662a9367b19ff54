import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../../../testing/world.ts'
import { deleteOldNotifications } from './delete-old-notifications.job.ts'
import { messagesOf, newestOf, notify, options } from './testing/notification-tests.ts'

const signal = new AbortController().signal
const day = 86_400_000

describe('notifications older than 90 days', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  const age = (message: string, days: number) =>
    world.platform.db
      .updateTable('notifications')
      .set({ created_at: new Date(Date.now() - days * day) })
      .where('message', '=', message)
      .execute()

  it('are deleted with their read marks, newer ones stay', async () => {
    const tenant = await world.tenant()
    await notify(world, tenant, { message: 'old' })
    await tenant.send(`PATCH /api/notifications/${await newestOf(tenant.send)}`, { body: { read: true } })
    await notify(world, tenant, { message: 'young' })
    await age('old', 91)
    await age('young', 89)
    expect(await deleteOldNotifications.run(world.platform, signal)).toBe(false)
    expect(await messagesOf(tenant.send)).toEqual(['young'])
    expect(await world.platform.db.selectFrom('notification_reads').selectAll().execute()).toEqual([])
  })

  it('are deleted in batches, and several processes share the work', async () => {
    const { organizationId, applicationId } = await world.tenant()
    await sql`
      insert into notifications (id, organization_id, application_id, type, message, created_at)
      select gen_random_uuid(), ${organizationId}, ${applicationId}, 'webhook.disabled', 'many',
        now() - interval '100 days'
      from generate_series(1, 1500)`.execute(world.platform.db)
    const left = async () =>
      (await world.platform.db.selectFrom('notifications').select('id').where('message', '=', 'many').execute()).length
    expect(await deleteOldNotifications.run(world.platform, signal)).toBe(true)
    expect(await left()).toBe(500)
    await Promise.all([
      deleteOldNotifications.run(world.platform, signal),
      deleteOldNotifications.run(world.platform, signal),
    ])
    await deleteOldNotifications.run(world.platform, signal)
    expect(await left()).toBe(0)
  })
})
