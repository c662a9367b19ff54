import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { redeliverDelivery } from './redeliver-delivery.ts'
import { deliveriesOf, openDeliveryWorld, until, type DeliveryWorld } from './testing/delivery-world.ts'
import { givenDelivery } from './testing/given-delivery.ts'
import { startReceiver, status } from './testing/receiver.ts'

const environment = { ALLOW_PRIVATE_ADDRESSES: 'true' }

describeEndpoint(redeliverDelivery, {
  given: (tenant, world) => givenDelivery(world, tenant),
  call: ({ webhookId, deliveryId }) => ({ params: { webhookId, deliveryId } }),
  world: { environment },
})

describe('a redelivery', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ environment })
  })
  afterAll(() => world.close())

  it('is a new attempt for the same event, due at once', async () => {
    const tenant = await world.tenant()
    const { webhookId, deliveryId, eventId } = await givenDelivery(world, tenant, 'success')
    const answer = await tenant.send(`POST /api/webhooks/${webhookId}/deliveries/${deliveryId}/redeliver`)
    expect(answer.body).toMatchObject({ eventId, attempt: 2, status: 'pending' })
    expect(Date.parse(answer.body.dueAt)).toBeLessThanOrEqual(Date.now() + 1_000)
    expect((await tenant.send(`GET ${answer.headers.get('location')}`)).body).toMatchObject({ id: answer.body.id })
  })

  it('is refused while an attempt is pending, and for all but one of several concurrent calls', async () => {
    const tenant = await world.tenant()
    const waiting = await givenDelivery(world, tenant, 'pending')
    expectProblem(
      redeliverDelivery,
      await tenant.send(`POST /api/webhooks/${waiting.webhookId}/deliveries/${waiting.deliveryId}/redeliver`),
      'delivery-pending',
    )
    const { webhookId, deliveryId } = await givenDelivery(world, tenant)
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        tenant.send(`POST /api/webhooks/${webhookId}/deliveries/${deliveryId}/redeliver`),
      ),
    )
    expect(answers.map((answer) => answer.status).sort()).toEqual([202, 409, 409, 409, 409, 409])
    expect((await tenant.send(`GET /api/webhooks/${webhookId}/deliveries`)).body.pagination.total).toBe(2)
  })

  it('is refused for a disabled webhook', async () => {
    const tenant = await world.tenant()
    const { webhookId, deliveryId } = await givenDelivery(world, tenant)
    await tenant.send(`PATCH /api/webhooks/${webhookId}`, { body: { enabled: false } })
    expectProblem(
      redeliverDelivery,
      await tenant.send(`POST /api/webhooks/${webhookId}/deliveries/${deliveryId}/redeliver`),
      'webhook-disabled',
    )
  })
})

describe('a redelivery with a worker', () => {
  let world: DeliveryWorld
  beforeAll(async () => {
    world = await openDeliveryWorld()
  })
  afterAll(() => world.close())

  it('arrives with the same id, and has its own retries', async () => {
    const tenant = await world.tenant()
    const receiver = await startReceiver()
    const webhook = await world.webhook(tenant, receiver.url)
    await world.publish(await world.run(tenant), 'run.completed')
    const [first] = await deliveriesOf(webhook, ([one]) => one?.status === 'success')
    receiver.answer(status(500))
    const { body } = await tenant.send(`POST /api/webhooks/${webhook.id}/deliveries/${first.id}/redeliver`)
    await until(() => receiver.received.length === 2)
    expect(receiver.received.map(({ id, attempt }) => [id, attempt])).toEqual([
      [first.eventId, 1],
      [first.eventId, 2],
    ])
    const [retry] = await deliveriesOf(webhook, (all) => all.length === 3)
    expect(retry).toMatchObject({ attempt: 3, status: 'pending' })
    const delayMs = Date.parse(retry.dueAt) - Date.parse(body.createdAt)
    expect(delayMs).toBeLessThan(60_000)
    await receiver.close()
  })
})
