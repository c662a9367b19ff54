import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { insertNotification } from './index.ts'
import { markAllRead } from './mark-all-read.ts'
import { uuidBefore } from './notification.ts'
import { addMember, messagesOf, notify, options, unreadOf } from './testing/notification-tests.ts'

describeEndpoint(markAllRead, { given: async () => undefined, call: () => ({}), world: options })

describe('marking all as read', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  const markAll = async (send: Tenant['send']): Promise<number> =>
    (await send('PUT /api/notifications/read-all')).body.updated
  /** Inserts a notification that is `ageMs` old. */
  const insertOld = ({ organizationId, applicationId }: Tenant, message: string, ageMs: number) =>
    world.platform.db
      .insertInto('notifications')
      .values({
        id: uuidBefore(newUuid(), ageMs),
        organization_id: organizationId,
        application_id: applicationId,
        type: 'webhook.disabled',
        message,
      })
      .execute()

  it('returns how many were unread, old and new, and leaves later ones unread', async () => {
    const tenant = await world.tenant()
    await insertOld(tenant, 'of yesterday', 86_400_000)
    await insertOld(tenant, 'of a minute ago', 60_000)
    await notify(world, tenant, { message: 'of now' })
    expect([
      await unreadOf(tenant.send),
      await markAll(tenant.send),
      await markAll(tenant.send),
      await unreadOf(tenant.send),
    ]).toEqual([3, 3, 0, 0])
    const { data } = (await tenant.send('GET /api/notifications')).body
    expect(data.map(({ read }: { read: boolean }) => read)).toEqual([true, true, true])
    await notify(world, tenant, { message: 'later' })
    expect(await messagesOf(tenant.send, { unread: 'true' })).toEqual(['later'])
  })

  it('affects only the reader', async () => {
    const tenant = await world.tenant()
    const [owner, member, endUser] = [await tenant.session(), await addMember(world, tenant), await tenant.endUser()]
    await insertOld(tenant, 'of yesterday', 86_400_000)
    await notify(world, tenant)
    await notify(world, tenant, { endUserId: parseWireId('eu', endUser) ?? '' })
    expect(await markAll(owner.send)).toBe(2)
    expect(await Promise.all([owner.send, member.send, tenant.send, tenant.sendAs(endUser)].map(unreadOf))).toEqual([
      0, 2, 2, 1,
    ])
    expect(await markAll(tenant.sendAs(endUser))).toBe(1)
    expect(await Promise.all([member.send, tenant.send, tenant.sendAs(endUser)].map(unreadOf))).toEqual([2, 2, 0])
  })

  it('leaves a notification unread that was written before it and committed after it', async () => {
    const tenant = await world.tenant()
    const { organizationId, applicationId } = tenant
    const [written, marked] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
    const slow = world.platform.db.transaction().execute(async (tx) => {
      await insertNotification(tx, { organizationId, applicationId, type: 'webhook.disabled', message: 'slow' })
      written.resolve(undefined)
      await marked.promise
    })
    await written.promise
    await notify(world, tenant, { message: 'quick' })
    expect(await markAll(tenant.send)).toBe(1)
    marked.resolve(undefined)
    await slow
    expect(await messagesOf(tenant.send, { unread: 'true' })).toEqual(['slow'])
  })

  it('marks each once when it is called twice at the same time, and never one that did not exist yet', async () => {
    const tenant = await world.tenant()
    for (let n = 0; n < 5; n += 1) await notify(world, tenant)
    const [updated, more] = await Promise.all([
      Promise.all(Array.from({ length: 6 }, () => markAll(tenant.send))),
      Promise.all(Array.from({ length: 20 }, () => notify(world, tenant))),
    ])
    const sum = updated.reduce((total, count) => total + count, 0)
    expect(sum + (await unreadOf(tenant.send))).toBe(5 + more.length)
    expect(sum).toBeGreaterThanOrEqual(5)
  })
})
