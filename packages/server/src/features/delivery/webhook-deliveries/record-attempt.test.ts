import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import {
  deliveriesOf,
  openDeliveryWorld,
  until,
  type DeliveryWorld,
  type TestWebhook,
} from './testing/delivery-world.ts'
import { startReceiver, status, type Receiver } from './testing/receiver.ts'

describe('the health of a webhook', () => {
  let world: DeliveryWorld
  let tenant: Tenant
  let receiver: Receiver
  let webhook: TestWebhook
  beforeAll(async () => {
    world = await openDeliveryWorld()
  })
  afterAll(() => world.close())
  beforeEach(async () => {
    tenant = await world.tenant()
    receiver = await startReceiver(status(500))
    webhook = await world.webhook(tenant, receiver.url)
  })
  afterEach(() => receiver.close())

  const look = async () => (await tenant.send(`GET /api/webhooks/${webhook.id}`)).body
  const notifications = async () =>
    (await tenant.send('GET /api/notifications')).body.data.filter(
      ({ type }: { type: string }) => type === 'webhook.disabled',
    )
  const hasFailedFor = (days: number) =>
    world.platform.db
      .updateTable('webhooks')
      .set({ failing_since: new Date(Date.now() - days * 86_400_000) })
      .where('id', '=', webhook.uuid)
      .execute()
  const entries = () =>
    world.platform.db
      .selectFrom('audit_log')
      .select(['action', 'changes'])
      .where('resource_id', '=', webhook.id)
      .where('action', '=', 'webhook.disabled')
      .execute()

  it('shows since when all attempts fail, and is reset by the first success', async () => {
    await world.publish(await world.run(tenant), 'run.completed')
    await deliveriesOf(webhook, (all) => all.length === 2)
    const { failingSince } = await look()
    expect(Math.abs(Date.parse(failingSince) - Date.now())).toBeLessThan(60_000)
    await world.publish(await world.run(tenant), 'run.completed')
    await deliveriesOf(webhook, (all) => all.length === 4)
    expect((await look()).failingSince).toBe(failingSince)
    receiver.answer(status(200))
    await world.makeDue()
    await deliveriesOf(webhook, (all) => all.filter((one) => one.status === 'success').length === 2)
    expect((await look()).failingSince).toBeNull()
  })

  it('ends with 410: the webhook is disabled, waiting attempts are ended, and members are notified', async () => {
    const run = await world.run(tenant)
    await world.publish(run, 'run.started')
    await deliveriesOf(webhook, (all) => all.length === 2)
    await world.publish(run, 'run.completed')
    await deliveriesOf(webhook, (all) => all.length === 3)
    receiver.answer(status(410))
    await world.publish(await world.run(tenant), 'run.completed')
    const all = await deliveriesOf(webhook, (seen) => seen.length === 4 && seen.every((one) => one.status === 'failed'))
    expect(all.map(({ error }) => error).sort()).toEqual([
      'The receiver answered 410.',
      'The receiver answered 500.',
      'The webhook was disabled.',
      'The webhook was disabled.',
    ])
    expect(await look()).toMatchObject({ enabled: false, disabledReason: 'gone' })
    expect(await notifications()).toMatchObject([
      { message: `The webhook ${receiver.url} was disabled: its receiver answered 410 Gone.` },
    ])
    expect(await entries()).toMatchObject([{ changes: { enabled: { before: true, after: false } } }])
    await world.publish(await world.run(tenant), 'run.completed')
    await eventuallyNothingWaits(world)
    expect(await webhook.deliveries()).toHaveLength(4)
  })

  it('ends after five days of failures', async () => {
    await hasFailedFor(4)
    await world.publish(await world.run(tenant), 'run.completed')
    await deliveriesOf(webhook, (all) => all.length === 2)
    expect(await look()).toMatchObject({ enabled: true })
    await hasFailedFor(5.1)
    await world.publish(await world.run(tenant), 'run.completed')
    await deliveriesOf(webhook, (all) => all.length === 3 + 1 && all.every((one) => one.status === 'failed'))
    expect(await look()).toMatchObject({ enabled: false, disabledReason: 'failing' })
    expect(await notifications()).toMatchObject([{ message: expect.stringContaining('failed for five days') }])
  })

  it('continues after five days of failures when this attempt succeeds', async () => {
    await hasFailedFor(6)
    receiver.answer(status(200))
    await world.publish(await world.run(tenant), 'run.completed')
    await deliveriesOf(webhook, ([one]) => one?.status === 'success')
    expect(await look()).toMatchObject({ enabled: true, failingSince: null })
  })

  it('is not changed by a late response after the user changed the URL or enabled the webhook again', async () => {
    const open: ((code: number) => void)[] = []
    receiver.answer((response) => void open.push((code) => response.writeHead(code).end()))
    for (const [change, code] of [
      [{ url: `${receiver.url}?moved` }, 410],
      [{ enabled: true }, 500],
    ] as const) {
      await hasFailedFor(6)
      await world.publish(await world.run(tenant), 'run.completed')
      await until(() => open.length === 1)
      await tenant.send(`PATCH /api/webhooks/${webhook.id}`, { body: change })
      open.splice(0).forEach((answer) => answer(code))
      await deliveriesOf(webhook, (all) => all.some(({ statusCode }) => statusCode === code))
      expect(await look()).toMatchObject({ enabled: true, disabledReason: null })
    }
    expect(await notifications()).toEqual([])
    expect((await webhook.deliveries({ status: 'pending' })).length).toBe(1)
  })

  it('is reported once, although several attempts fail at once', async () => {
    await hasFailedFor(6)
    const open: (() => void)[] = []
    receiver.answer((response) => void open.push(() => response.writeHead(500).end()))
    for (let count = 0; count < 5; count += 1) await world.publish(await world.run(tenant), 'run.completed')
    await until(() => open.length === 2)
    for (const answer of open) answer()
    await deliveriesOf(webhook, (all) => all.length > 0 && all.every((one) => one.status === 'failed'))
    expect(await notifications()).toHaveLength(1)
    expect(await entries()).toHaveLength(1)
  })
})

async function eventuallyNothingWaits({ platform }: DeliveryWorld): Promise<void> {
  for (;;) {
    if ((await platform.db.selectFrom('outbox').select('id').execute()).length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
