import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import type { OutboxEvent } from '../../../platform/outbox/outbox.ts'
import { eventually, openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { insertRunNotifications } from './new-notification-store.ts'
import { notificationOf } from './notify-of-runs.ts'
import { addMember, messagesOf } from './testing/notification-tests.ts'

const [applicationId, runId, endUserId] = [newUuid(), newUuid(), newUuid()]
const payload = { agent: '@acme/totals', userId: null, scheduleId: null, error: null }
const eventOf = (fields: Partial<OutboxEvent>): OutboxEvent => ({
  ...{
    id: 1,
    organizationId: newUuid(),
    applicationId,
    runId,
    agentId: newUuid(),
    endUserId: null,
    type: 'run.completed',
    createdAt: new Date(),
  },
  payload: { ...payload, userId: 'usr_1' },
  ...fields,
})

describe('the notification of an ended run', () => {
  it.each([
    ['run.completed', null, '@acme/totals completed.'],
    [
      'run.failed',
      { code: 'model-error', message: 'the model said: my secret diary' },
      '@acme/totals failed: model-error.',
    ],
    ['run.failed', null, '@acme/totals failed.'],
    ['run.timeout', { code: 'timeout', message: 'too long' }, '@acme/totals ran out of time.'],
    ['run.cancelled', null, '@acme/totals was cancelled.'],
  ])('%s', (type, error, message) => {
    expect(notificationOf(eventOf({ type, payload: { ...payload, userId: 'usr_1', error } }))).toEqual({
      applicationId,
      runId,
      type,
      message,
      userId: 'usr_1',
      endUserId: null,
    })
  })

  it('is for its end-user, its user, or every member when a schedule started it for no end-user', () => {
    const toWhom = (fields: Partial<OutboxEvent>) => {
      const found = notificationOf(eventOf(fields))
      return found === undefined ? 'nobody' : [found.userId, found.endUserId]
    }
    expect(toWhom({ endUserId })).toEqual([null, endUserId])
    expect(toWhom({ endUserId, payload: { ...payload, scheduleId: 'sched_1' } })).toEqual([null, endUserId])
    expect(toWhom({ payload: { ...payload, userId: 'usr_1', scheduleId: 'sched_1' } })).toEqual(['usr_1', null])
    expect(toWhom({ payload: { ...payload, scheduleId: 'sched_1' } })).toEqual([null, null])
    expect(toWhom({ payload })).toBe('nobody')
  })

  it('does not exist before the end, without a run, or for a payload of an unknown shape', () => {
    for (const fields of [
      { type: 'run.started' },
      { type: 'run.waiting' },
      { type: 'constructor' },
      { runId: null },
      { payload: {} },
    ])
      expect(notificationOf(eventOf(fields))).toBeUndefined()
  })
})

describe('notifications of runs', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld({ jobs: true })
  })
  afterAll(() => world.close())

  const notified = (send: Parameters<typeof messagesOf>[0], count: number) =>
    eventually(async () => {
      const messages = await messagesOf(send)
      return messages.length >= count ? messages : undefined
    }, 30_000)

  it('are sent once, to the recipient of the run', async () => {
    const actor = await world.actor('hello')
    const [owner, member, endUser] = [await actor.session(), await addMember(world, actor), await actor.endUser()]
    const body = { agentId: actor.agentId }
    expect((await actor.runToEnd()).status).toBe(200)
    const forEndUser = await actor.sendAs(endUser)('POST /api/runs', { body, headers: { prefer: 'wait=60' } })
    const own = await owner.send('POST /api/runs', { body, headers: { prefer: 'wait=60' } })
    expect(await notified(owner.send, 1)).toEqual([`${own.body.agent} completed.`])
    expect(await notified(actor.sendAs(endUser), 1)).toEqual([`${forEndUser.body.agent} completed.`])
    const [notification] = (await owner.send('GET /api/notifications')).body.data
    expect(notification).toMatchObject({
      type: 'run.completed',
      runId: own.body.id,
      agentId: actor.agentId,
      read: false,
    })
    expect((await owner.send('GET /api/notifications/unread-counts-by-agent')).body).toEqual({
      counts: { [actor.agentId]: 1 },
    })
    expect([await messagesOf(member.send), await messagesOf(actor.send)]).toEqual([[], []])
  })

  it('report a failure by its code', async () => {
    const actor = await world.actor('no-such-scenario')
    const { send } = await actor.session()
    const run = (await send('POST /api/runs', { body: { agentId: actor.agentId }, headers: { prefer: 'wait=60' } }))
      .body
    expect(run.status).toBe('failed')
    expect(await notified(send, 1)).toEqual([`${run.agent} failed: ${run.error.code}.`])
  })

  it('are not created twice, nor for a deleted run or recipient, while the others of the batch are', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const [run, orphan] = [await insertRun(world.platform, tenant), await insertRun(world.platform, tenant)]
    const common = {
      applicationId: tenant.applicationId,
      userId: null,
      endUserId: null,
      type: 'run.completed',
      message: 'Done.',
    }
    const batch = [
      { ...common, runId: run.id },
      { ...common, runId: newUuid() },
      { ...common, runId: orphan.id, endUserId: newUuid() },
      { ...common, runId: orphan.id, userId: 'usr_gone' },
    ]
    for (let time = 0; time < 2; time += 1)
      await world.platform.db.transaction().execute((tx) => insertRunNotifications(tx, batch))
    expect(await messagesOf(send)).toEqual(['Done.'])
  })
})
