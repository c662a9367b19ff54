import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { recoverDeliveries } from './recover-deliveries.ts'
import { deliveriesOf, openDeliveryWorld, until, type DeliveryWorld } from './testing/delivery-world.ts'
import { givenDelivery } from './testing/given-delivery.ts'
import { startReceiver } from './testing/receiver.ts'

const environment = { ALLOW_PRIVATE_ADDRESSES: 'true' }
const hourAgo = () => new Date(Date.now() - 3_600_000).toISOString()

describeEndpoint(recoverDeliveries, {
  given: (tenant, world) => givenDelivery(world, tenant),
  call: ({ webhookId }) => ({ params: { webhookId }, body: { since: hourAgo() } }),
  world: { environment },
})

describe('a recovery', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ environment })
  })
  afterAll(() => world.close())

  it('redelivers the events whose last attempt failed, once', async () => {
    const tenant = await world.tenant()
    const { webhookId } = await givenDelivery(world, tenant, 'gave-up')
    const recover = async () =>
      (await tenant.send(`POST /api/webhooks/${webhookId}/recover`, { body: { since: hourAgo() } })).body
    expect(await recover()).toEqual({ recovered: 1, more: false })
    expect(await recover()).toEqual({ recovered: 0, more: false })
    const { body } = await tenant.send(`GET /api/webhooks/${webhookId}/deliveries`)
    expect(body.data.map(({ attempt, status }: { attempt: number; status: string }) => [attempt, status])).toEqual([
      [2, 'pending'],
      [1, 'failed'],
    ])
  })

  it.each(['success', 'pending'] as const)('skips an event whose attempt is %s', async (state) => {
    const tenant = await world.tenant()
    const { webhookId } = await givenDelivery(world, tenant, state)
    expect((await tenant.send(`POST /api/webhooks/${webhookId}/recover`, { body: { since: hourAgo() } })).body).toEqual(
      { recovered: 0, more: false },
    )
  })

  it('redelivers only the events of its period', async () => {
    const tenant = await world.tenant()
    const { webhookId } = await givenDelivery(world, tenant)
    const recover = async (since: string, until?: string) =>
      (
        await tenant.send(`POST /api/webhooks/${webhookId}/recover`, {
          body: { since, ...(until === undefined ? {} : { until }) },
        })
      ).body
    const later = new Date(Date.now() + 60_000).toISOString()
    expect(await recover(later, new Date(Date.now() + 120_000).toISOString())).toEqual({ recovered: 0, more: false })
    expect(await recover(new Date(0).toISOString(), hourAgo())).toEqual({ recovered: 0, more: false })
    expect(await recover(hourAgo(), later)).toEqual({ recovered: 1, more: false })
  })

  it('refuses a period that ends before it begins, and a disabled webhook', async () => {
    const tenant = await world.tenant()
    const { webhookId } = await givenDelivery(world, tenant)
    const backwards = await tenant.send(`POST /api/webhooks/${webhookId}/recover`, {
      body: { since: new Date().toISOString(), until: hourAgo() },
    })
    expectProblem(recoverDeliveries, backwards, 'validation-error')
    await tenant.send(`PATCH /api/webhooks/${webhookId}`, { body: { enabled: false } })
    expectProblem(
      recoverDeliveries,
      await tenant.send(`POST /api/webhooks/${webhookId}/recover`, { body: { since: hourAgo() } }),
      'webhook-disabled',
    )
  })
})

describe('a recovery with a worker', () => {
  let world: DeliveryWorld
  beforeAll(async () => {
    world = await openDeliveryWorld()
  })
  afterAll(() => world.close())

  it('delivers the events that a webhook missed while it was disabled for failures, in order', async () => {
    const tenant = await world.tenant()
    const receiver = await startReceiver()
    receiver.answer((response) => void response.writeHead(410).end())
    const webhook = await world.webhook(tenant, receiver.url)
    const run = await world.run(tenant)
    await world.publish(run, 'run.started', 'run.waiting', 'run.completed')
    await deliveriesOf(webhook, (all) => all.length === 3 && all.every((one) => one.status === 'failed'))
    expect(receiver.received).toHaveLength(1)
    receiver.answer((response) => void response.writeHead(200).end())
    await tenant.send(`PATCH /api/webhooks/${webhook.id}`, { body: { enabled: true } })
    const { body } = await tenant.send(`POST /api/webhooks/${webhook.id}/recover`, { body: { since: hourAgo() } })
    expect(body).toEqual({ recovered: 3, more: false })
    await until(() => receiver.received.length === 4)
    expect(receiver.received.slice(1).map(({ body: { type }, attempt }) => [type, attempt])).toEqual([
      ['run.started', 2],
      ['run.waiting', 2],
      ['run.completed', 2],
    ])
    await receiver.close()
  })
})
