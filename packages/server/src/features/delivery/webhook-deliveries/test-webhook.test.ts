import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openDeliveryWorld, type DeliveryWorld } from './testing/delivery-world.ts'
import { givenDelivery } from './testing/given-delivery.ts'
import { cut, startReceiver, status, type Answering, type Receiver } from './testing/receiver.ts'
import { testWebhook } from './test-webhook.ts'

describeEndpoint(testWebhook, {
  given: (tenant, world) => givenDelivery(world, tenant),
  call: ({ webhookId }) => ({ params: { webhookId } }),
  world: { environment: { ALLOW_PRIVATE_ADDRESSES: 'true' } },
})

describe('testing a webhook', () => {
  let world: DeliveryWorld
  let receiver: Receiver | undefined
  beforeAll(async () => {
    // Without jobs, as on a node that serves only the API.
    world = await openDeliveryWorld({ jobs: false })
  })
  afterEach(() => receiver?.close())
  afterAll(() => world.close())

  async function test(answering: Answering, fields: Record<string, unknown> = {}) {
    receiver = await startReceiver(answering)
    const tenant = await world.tenant()
    const webhook = await world.webhook(tenant, receiver.url, fields)
    const answer = await tenant.send(`POST /api/webhooks/${webhook.id}/test`)
    return { answer, webhook, tenant, received: receiver.received }
  }

  it("delivers test.ping, signed, and returns the receiver's response", async () => {
    const { answer, webhook, received } = await test(status(201, { 'x-answer': 'yes' }, 'pong'))
    expect(answer.status).toBe(200)
    expect(answer.body.delivery).toMatchObject({
      eventType: 'test.ping',
      status: 'success',
      statusCode: 201,
      attempt: 1,
      runId: null,
      response: { headers: { 'x-answer': 'yes' }, body: 'pong', bodyTruncated: false },
    })
    expect(received).toHaveLength(1)
    expect(received[0]?.id).toBe(answer.body.delivery.eventId)
    expect(new Webhook(webhook.secret).verify(received[0]?.text ?? '', received[0]?.headers ?? {})).toMatchObject({
      type: 'test.ping',
      data: { object: { object: 'webhook', id: webhook.id } },
    })
  })

  it.each([
    ['an error', status(500, {}, 'no'), { status: 'failed', statusCode: 500, error: 'The receiver answered 500.' }],
    ['410, which does not disable the webhook', status(410), { status: 'failed', statusCode: 410 }],
    ['nothing', cut, { status: 'failed', statusCode: null, response: null }],
  ] as const)('answers 200 when the receiver answers %s, and does not retry', async (_name, answering, expected) => {
    const { answer, webhook, tenant } = await test(answering)
    expect(answer.status).toBe(200)
    expect(answer.body.delivery).toMatchObject(expected)
    expect(await webhook.deliveries()).toHaveLength(1)
    expect((await tenant.send(`GET /api/webhooks/${webhook.id}`)).body).toMatchObject({
      enabled: true,
      failingSince: null,
    })
    expect(
      (await tenant.send(`POST /api/webhooks/${webhook.id}/recover`, { body: { since: new Date(0).toISOString() } }))
        .body,
    ).toEqual({ recovered: 0, more: false })
  })

  it('works for a disabled webhook', async () => {
    const { answer } = await test(status(200), { enabled: false })
    expect(answer.body.delivery).toMatchObject({ status: 'success' })
  })
})
