import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { markNotificationRead } from './mark-notification-read.ts'
import { markRunRead } from './mark-run-read.ts'
import { insertRunNotifications } from './new-notification-store.ts'
import { addMember, newestOf, notify, options, unreadOf } from './testing/notification-tests.ts'

describeEndpoint(markNotificationRead, {
  given: async (tenant, world) => {
    await notify(world, tenant)
    return newestOf(tenant.send)
  },
  call: (notificationId) => ({ params: { notificationId }, body: { read: true } }),
  world: options,
})
describeEndpoint(markRunRead, {
  given: (tenant, world) => insertRun(world.platform, tenant),
  call: ({ wireId }) => ({ params: { runId: wireId } }),
  world: options,
})

describe('marking a notification as read', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('affects only the reader, and can be repeated', async () => {
    const tenant = await world.tenant()
    const [owner, member] = [await tenant.session(), await addMember(world, tenant)]
    await notify(world, tenant)
    await notify(world, tenant)
    const id = await newestOf(owner.send)
    const [first, again] = await Promise.all(
      [1, 2].map(() => owner.send(`PATCH /api/notifications/${id}`, { body: { read: true } })),
    )
    expect(first?.body).toMatchObject({ id, read: true })
    expect(again?.body).toEqual(first?.body)
    expect(await Promise.all([owner.send, member.send, tenant.send].map(unreadOf))).toEqual([1, 2, 2])
    const { data } = (await owner.send('GET /api/notifications')).body
    expect(data.map(({ read }: { read: boolean }) => read)).toEqual([true, false])
  })

  it("answers 404 to another member's, to another end-user's and to a key", async () => {
    const tenant = await world.tenant()
    const [owner, member, endUser, other] = [
      await tenant.session(),
      await addMember(world, tenant),
      await tenant.endUser(),
      await tenant.endUser(),
    ]
    await notify(world, tenant, { userId: tenant.userId })
    const owners = await newestOf(owner.send)
    await notify(world, tenant, { endUserId: parseWireId('eu', endUser) ?? '' })
    const endUsers = await newestOf(tenant.sendAs(endUser))
    for (const [send, id] of [
      [member.send, owners],
      [tenant.send, owners],
      [tenant.sendAs(endUser), owners],
      [tenant.sendAs(other), endUsers],
      [owner.send, endUsers],
    ] as const) {
      expectProblem(
        markNotificationRead,
        await send(`PATCH /api/notifications/${id}`, { body: { read: true } }),
        'notification-not-found',
      )
    }
    expect([await unreadOf(owner.send), await unreadOf(tenant.sendAs(endUser))]).toEqual([1, 1])
  })

  it('works by run id too', async () => {
    const tenant = await world.tenant()
    const [owner, member, endUser, other] = [
      await tenant.session(),
      await addMember(world, tenant),
      await tenant.endUser(),
      await tenant.endUser(),
    ]
    const run = await insertRun(world.platform, tenant, { endUser })
    const own = await insertRun(world.platform, tenant)
    const common = { applicationId: tenant.applicationId, type: 'run.completed', message: 'Done.' }
    await world.platform.db.transaction().execute((tx) =>
      insertRunNotifications(tx, [
        { ...common, runId: run.id, userId: null, endUserId: run.endUserId },
        { ...common, runId: own.id, userId: tenant.userId, endUserId: null },
      ]),
    )
    const mark = async (send: typeof owner.send, { wireId }: typeof run) =>
      (await send(`PUT /api/notifications/read/${wireId}`)).body
    expect(await mark(owner.send, run)).toEqual({ ok: false })
    expect(await mark(member.send, own)).toEqual({ ok: false })
    expectProblem(markRunRead, await tenant.sendAs(other)(`PUT /api/notifications/read/${run.wireId}`), 'run-not-found')
    expect([await unreadOf(owner.send), await unreadOf(tenant.sendAs(endUser))]).toEqual([1, 1])
    expect([await mark(owner.send, own), await mark(tenant.sendAs(endUser), run), await mark(owner.send, own)]).toEqual(
      [{ ok: true }, { ok: true }, { ok: true }],
    )
    expect([await unreadOf(owner.send), await unreadOf(tenant.sendAs(endUser))]).toEqual([0, 0])
  })
})
