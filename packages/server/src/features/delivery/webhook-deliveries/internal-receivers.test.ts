import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { deliveriesOf, openDeliveryWorld, until, type DeliveryWorld } from './testing/delivery-world.ts'
import { cut, startReceiver, status, type Answering, type Receiver } from './testing/receiver.ts'

const secretText = 'postgres://app:s3cret@db/prod'
const publicUrl = 'https://hooks.example.com/'
const hidden = 'The receiver did not accept the event. Its address is internal'

/** Gives a webhook a URL that the API does not accept, as a server with other settings did. */
async function moveWebhook(world: DeliveryWorld, uuid: string, url: string): Promise<void> {
  await world.platform.db.updateTable('webhooks').set({ url }).where('id', '=', uuid).execute()
}

describe('where private addresses are closed', () => {
  let world: DeliveryWorld
  let tenant: Tenant
  let receiver: Receiver
  beforeAll(async () => {
    world = await openDeliveryWorld({ environment: { ALLOW_PRIVATE_ADDRESSES: '', HOST: '0.0.0.0' } })
    tenant = await world.tenant()
    receiver = await startReceiver()
  })
  afterAll(async () => {
    await receiver.close()
    await world.close()
  })

  it('refuses them in new and changed webhooks', async () => {
    const { id } = await world.webhook(tenant, publicUrl)
    for (const url of [receiver.url.replace('http:', 'https:'), 'https://10.0.0.1/', 'https://[::ffff:a00:1]/']) {
      const answers = [
        await tenant.send('POST /api/webhooks', { body: { url, events: ['run.completed'] } }),
        await tenant.send(`PATCH /api/webhooks/${id}`, { body: { url } }),
      ]
      for (const answer of answers)
        expect(answer.body.errors, url).toMatchObject([
          { pointer: '/url', message: expect.stringContaining('must name a public host') },
        ])
    }
  })

  it('sends nothing to one that is stored, by a test and by a delivery, and gives one reason', async () => {
    const webhook = await world.webhook(tenant, publicUrl)
    const errors = new Set<string>()
    for (const url of [receiver.url, 'http://127.0.0.1:2/', world.url, 'http://10.255.255.1/']) {
      await moveWebhook(world, webhook.uuid, url.replace('http:', 'https:'))
      const { delivery } = (await tenant.send(`POST /api/webhooks/${webhook.id}/test`)).body
      expect(delivery).toMatchObject({ status: 'failed', statusCode: null, response: null })
      errors.add(delivery.error)
    }
    expect([...errors]).toEqual([expect.stringContaining('The URL must name a public host')])
    await moveWebhook(world, webhook.uuid, receiver.url.replace('http:', 'https:'))
    await world.publish(await world.run(tenant), 'run.started')
    const deliveries = await deliveriesOf(webhook, (all) =>
      all.some(({ eventType, status: state }) => eventType === 'run.started' && state === 'failed'),
    )
    for (const delivery of deliveries) if (delivery.status === 'failed') errors.add(delivery.error)
    expect(errors.size).toBe(1)
    expect(receiver.received).toEqual([])
  })
})

describe('where the operator allowed an internal address', () => {
  let world: DeliveryWorld
  let tenant: Tenant
  let receiver: Receiver
  beforeAll(async () => {
    world = await openDeliveryWorld({
      environment: { ALLOW_PRIVATE_ADDRESSES: '', HOST: '0.0.0.0', EGRESS_ALLOW: '127.0.0.1:*' },
    })
    tenant = await world.tenant()
    receiver = await startReceiver()
  })
  afterAll(async () => {
    await receiver.close()
    await world.close()
  })

  it.each<[string, Answering]>([
    ['an error', status(500, { 'x-dsn': secretText }, secretText)],
    ['a redirect', status(302, { location: `http://x/${secretText}` }, secretText)],
    ['nothing', cut],
  ])('does not show that its receiver answered %s; the log does', async (_what, answering) => {
    receiver.answer(answering)
    const webhook = await world.webhook(tenant, receiver.url)
    const answer = await tenant.send(`POST /api/webhooks/${webhook.id}/test`)
    expect(answer.body.delivery).toMatchObject({
      status: 'failed',
      statusCode: null,
      response: null,
      error: expect.stringContaining(hidden),
    })
    const { id } = answer.body.delivery
    const read = await tenant.send(`GET /api/webhooks/${webhook.id}/deliveries/${id}`)
    expect(answer.text + read.text).not.toContain('s3cret')
    const uuid = parseWireId('del', id) ?? ''
    expect(world.logLines.filter((line) => line.includes('internal address') && line.includes(uuid))).toHaveLength(1)
  })

  it('delivers events to it, and shows no response', async () => {
    receiver.answer(status(200, {}, secretText))
    const webhook = await world.webhook(tenant, receiver.url)
    const count = receiver.received.length
    await world.publish(await world.run(tenant), 'run.started')
    await until(() => receiver.received.length > count)
    const [delivery] = await deliveriesOf(webhook, ([first]) => first?.status === 'success')
    expect(delivery).toMatchObject({ status: 'success', statusCode: null, error: null })
    const read = await tenant.send(`GET /api/webhooks/${webhook.id}/deliveries/${delivery.id}`)
    expect(read.body).toMatchObject({ response: null })
    expect(read.text).not.toContain('s3cret')
  })
})
