import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import {
  deliveriesOf,
  openDeliveryWorld,
  until,
  type DeliveryWorld,
  type TestWebhook,
} from './testing/delivery-world.ts'
import { cut, hang, startReceiver, status, type Answering, type Receiver } from './testing/receiver.ts'

describe('delivering', () => {
  let world: DeliveryWorld
  let tenant: Tenant
  const receivers: Receiver[] = []
  beforeAll(async () => {
    world = await openDeliveryWorld()
    tenant = await world.tenant()
  })
  afterAll(async () => {
    await world.close()
    await Promise.all(receivers.map((receiver) => receiver.close()))
  })

  async function subscribe(
    answering?: Answering,
    fields?: Record<string, unknown>,
  ): Promise<{ receiver: Receiver; webhook: TestWebhook; tenant: Tenant }> {
    const receiver = await startReceiver(answering)
    receivers.push(receiver)
    const own = await world.tenant()
    return { receiver, webhook: await world.webhook(own, receiver.url, fields), tenant: own }
  }

  it('sends a webhook the event, signed as Standard Webhooks', async () => {
    const { receiver, webhook, tenant: own } = await subscribe()
    const run = await world.run(own)
    await world.publish(run, 'run.started')
    await until(() => receiver.received.length === 1)
    for (const received of receiver.received) {
      expect(received.headers).toMatchObject({
        'content-type': 'application/json',
        'user-agent': expect.stringMatching(/^Appstrate-Webhooks\//),
        'webhook-attempt': '1',
      })
      expect(received.body).toMatchObject({
        id: received.id,
        object: 'event',
        type: 'run.started',
        apiVersion: '2026-03-21',
        created: expect.any(Number),
        data: { object: { object: 'run', id: run.wireId, status: 'started', cost: '0.01', input: {}, output: null } },
      })
      expect(new Webhook(webhook.secret).verify(received.text, received.headers)).toEqual(received.body)
    }
  })

  it('records the request and the response', async () => {
    const { receiver, webhook, tenant: own } = await subscribe(status(200, { 'x-answer': 'yes' }, 'thanks'))
    const run = await world.run(own)
    await world.publish(run, 'run.started')
    const [delivery] = await deliveriesOf(webhook, ([first]) => first?.status === 'success')
    for (const received of receiver.received) {
      expect(delivery).toMatchObject({
        eventId: received.id,
        eventType: 'run.started',
        runId: run.wireId,
        statusCode: 200,
        attempt: 1,
        error: null,
        latency: expect.any(Number),
      })
      const { body } = await own.send(`GET /api/webhooks/${webhook.id}/deliveries/${delivery.id}`)
      expect(body.request).toMatchObject({
        url: receiver.url,
        body: received.text,
        bodyTruncated: false,
        headers: { 'webhook-signature': '***', 'webhook-id': received.id },
      })
      expect(body.response).toMatchObject({ headers: { 'x-answer': 'yes' }, body: 'thanks', bodyTruncated: false })
      expect(body.payload).toEqual(received.body)
    }
  })

  it('signs a retry with the secrets that are valid at that time: both during a rotation', async () => {
    const { receiver, webhook, tenant: own } = await subscribe(status(500))
    await world.publish(await world.run(own), 'run.completed')
    await deliveriesOf(webhook, (all) => all.length === 2)
    const rotated = await own.send(`POST /api/webhooks/${webhook.id}/rotate`)
    await world.makeDue()
    await until(() => receiver.received.length === 2)
    const [first, second] = receiver.received.map(
      ({ text, headers }) =>
        (secret: string) =>
          new Webhook(secret).verify(text, headers),
    )
    expect(first?.(webhook.secret)).toBeDefined()
    expect(second?.(webhook.secret)).toBeDefined()
    expect(second?.(rotated.body.secret)).toBeDefined()
    expect(() => first?.(rotated.body.secret)).toThrow()
  })

  it("stores an end-user's bodies encrypted with their key", async () => {
    const { webhook, tenant: own } = await subscribe(status(200, {}, 'a very secret answer'))
    const run = await insertRun(world.platform, own, { endUser: await own.endUser() })
    await world.publish(run, 'run.completed')
    const [delivery] = await deliveriesOf(webhook, ([first]) => first?.status === 'success')
    const kept = await world.platform.db
      .selectFrom('webhook_deliveries')
      .select(['request', 'response'])
      .where('webhook_id', '=', webhook.uuid)
      .execute()
    expect(JSON.stringify(kept)).toContain('sealed')
    expect(JSON.stringify(kept)).not.toMatch(/very secret|run\.completed/)
    const { body } = await own.send(`GET /api/webhooks/${webhook.id}/deliveries/${delivery.id}`)
    expect(body).toMatchObject({
      request: { body: expect.stringContaining('run.completed') },
      response: { body: 'a very secret answer' },
    })
  })

  it('sends only what a webhook subscribes to: its events, its agent, summaries', async () => {
    const { receiver, tenant: own } = await subscribe(undefined, { events: ['run.completed'], payloadMode: 'summary' })
    const run = await world.run(own)
    const mine = await startReceiver()
    receivers.push(mine)
    await world.webhook(own, mine.url, { agentId: (await world.run(own)).agent.wireId })
    await world.publish(await world.run(tenant), 'run.completed')
    await world.publish(run, 'run.started', 'run.completed')
    await until(() => receiver.received.length === 1)
    expect(receiver.received[0]?.body).toMatchObject({ type: 'run.completed', data: { object: { id: run.wireId } } })
    expect(receiver.received[0]?.body.data.object).not.toHaveProperty('output')
    expect(mine.received).toEqual([])
  })

  it.each([
    ['500', status(500), { statusCode: 500, error: 'The receiver answered 500.' }],
    ['404', status(404), { statusCode: 404, error: 'The receiver answered 404.' }],
    [
      'a redirect, which is not followed',
      status(302, { location: 'http://127.0.0.1:1/' }),
      { statusCode: 302, error: 'The receiver answered 302: redirects are not followed.' },
    ],
    ['a closed connection', cut, { statusCode: null, error: expect.stringContaining('connection was closed') }],
  ] as const)('retries after %s, with the same id, until it is accepted', async (_name, answering, expected) => {
    const { receiver, webhook, tenant: own } = await subscribe(answering)
    await world.publish(await world.run(own), 'run.completed')
    const [retry, failed] = await deliveriesOf(webhook, (all) => all.length === 2)
    expect(failed).toMatchObject({ status: 'failed', attempt: 1, ...expected })
    expect(retry).toMatchObject({ status: 'pending', attempt: 2, eventId: failed.eventId, completedAt: null })
    const delayMs = Date.parse(retry.dueAt) - Date.parse(failed.completedAt)
    expect(delayMs).toBeGreaterThanOrEqual(23_900)
    expect(delayMs).toBeLessThanOrEqual(36_100)
    receiver.answer(status(204))
    await world.makeDue()
    await deliveriesOf(webhook, ([last]) => last?.status === 'success')
    expect(receiver.received.map(({ id, attempt }) => [id, attempt])).toEqual([
      [failed.eventId, 1],
      [failed.eventId, 2],
    ])
  })

  it('waits at most 15 seconds for a complete response', async () => {
    const silent = await subscribe(hang)
    const dripping = await subscribe((response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('.'), 500)
      response.on('close', () => clearInterval(timer))
    })
    for (const { tenant: own } of [silent, dripping]) await world.publish(await world.run(own), 'run.completed')
    for (const { webhook } of [silent, dripping]) {
      const [, failed] = await deliveriesOf(webhook, (all) => all.length === 2, 40_000)
      expect(failed).toMatchObject({ status: 'failed', statusCode: null, error: 'The reply was not complete in time.' })
      expect(failed.latency).toBeGreaterThanOrEqual(14_900)
    }
  }, 60_000)

  it('waits as long as Retry-After asks', async () => {
    const { webhook, tenant: own } = await subscribe(status(429, { 'retry-after': '3600' }))
    await world.publish(await world.run(own), 'run.completed')
    const [retry, failed] = await deliveriesOf(webhook, (all) => all.length === 2)
    expect(Math.abs(Date.parse(retry.dueAt) - Date.parse(failed.completedAt) - 3_600_000)).toBeLessThan(5_000)
  })

  it('gives up after eight attempts', async () => {
    const { receiver, webhook, tenant: own } = await subscribe(status(500))
    await world.publish(await world.run(own), 'run.completed')
    for (let attempt = 1; attempt < 8; attempt += 1) {
      await deliveriesOf(webhook, (all) => all.length === attempt + 1 && all[1]?.status === 'failed')
      await world.makeDue()
    }
    const all = await deliveriesOf(webhook, ([last]) => last?.attempt === 8 && last.status === 'failed')
    expect(all).toHaveLength(8)
    expect(receiver.received.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('keeps the order of a run through failures, while other runs continue', async () => {
    const { receiver, webhook, tenant: own } = await subscribe()
    const [slow, other] = [await world.run(own), await world.run(own)]
    receiver.answer(
      (response, { body }) => void response.writeHead(body.data.object.id === slow.wireId ? 503 : 200).end(),
    )
    await world.publish(slow, 'run.started')
    await deliveriesOf(webhook, (all) => all.length === 2)
    await world.publish(slow, 'run.waiting', 'run.completed')
    await world.publish(other, 'run.started', 'run.completed')
    await until(() => receiver.received.filter(({ body }) => body.data.object.id === other.wireId).length === 2)
    const waiting = (await webhook.deliveries({ status: 'pending' })).filter(
      ({ runId }: { runId: string }) => runId === slow.wireId,
    )
    expect(
      waiting.map(({ eventType, dueAt }: { eventType: string; dueAt: string | null }) => [eventType, dueAt === null]),
    ).toEqual(
      expect.arrayContaining([
        ['run.started', false],
        ['run.waiting', true],
        ['run.completed', true],
      ]),
    )
    receiver.answer(status(200))
    await world.makeDue()
    const typesOf = (runId: string) =>
      receiver.received.filter(({ body }) => body.data.object.id === runId).map(({ body }) => body.type)
    await until(() => typesOf(slow.wireId).length === 4)
    expect(typesOf(slow.wireId)).toEqual(['run.started', 'run.started', 'run.waiting', 'run.completed'])
    expect(typesOf(other.wireId)).toEqual(['run.started', 'run.completed'])
  })

  it('continues with the next event of a run when one is given up', async () => {
    const { receiver, webhook, tenant: own } = await subscribe()
    receiver.answer((response, { body }) => void response.writeHead(body.type === 'run.started' ? 500 : 200).end())
    await world.publish(await world.run(own), 'run.started', 'run.completed')
    for (let attempt = 1; attempt < 8; attempt += 1) {
      await deliveriesOf(webhook, (all) => all.filter((one) => one.eventType === 'run.started').length === attempt + 1)
      await world.makeDue()
    }
    await until(() => receiver.received.at(-1)?.body.type === 'run.completed')
    expect(receiver.received.map(({ body }) => body.type)).toEqual([
      ...Array<string>(8).fill('run.started'),
      'run.completed',
    ])
  })
})
