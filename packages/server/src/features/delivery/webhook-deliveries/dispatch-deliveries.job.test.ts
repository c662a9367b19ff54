import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../../testing/factories/run-world.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { jobsOf } from '../../../processes/jobs-of.ts'
import { startJobs } from '../../../platform/jobs/start-jobs.ts'
import { deliver, sendAttempt } from './deliver.ts'
import { dispatch, type Deliver } from './dispatch-deliveries.job.ts'
import { webhookDeliveriesFeature } from './index.ts'
import { findSigningWebhook } from '../webhooks/index.ts'
import {
  deliveriesOf,
  openDeliveryWorld,
  until,
  type DeliveryWorld,
  type TestWebhook,
} from './testing/delivery-world.ts'
import { hang, startReceiver, status, type Receiver } from './testing/receiver.ts'

describe('dispatchers', () => {
  let world: DeliveryWorld
  let tenant: Tenant
  let relay: { stop(): Promise<void> }
  let receiver: Receiver
  let webhook: TestWebhook
  const running: (() => Promise<void>)[] = []
  beforeAll(async () => {
    // Only the outbox relay runs as a job: each test starts its own dispatchers.
    world = await openDeliveryWorld({ jobs: false })
    relay = startJobs(world.platform, jobsOf([{ ...webhookDeliveriesFeature, jobs: [] }]))
  })
  afterAll(async () => {
    await relay.stop()
    await world.close()
  })
  beforeEach(async () => {
    tenant = await world.tenant()
    receiver = await startReceiver()
    webhook = await world.webhook(tenant, receiver.url)
  })
  afterEach(async () => {
    for (const stop of running.splice(0)) await stop()
    await receiver.close()
  })

  function startDispatcher(
    how: Deliver = (delivery, signal) => deliver(world.platform, delivery, signal),
  ): () => Promise<void> {
    const stopping = new AbortController()
    const done = dispatch(world.platform, stopping.signal, how)
    const stop = async () => {
      stopping.abort()
      await done
    }
    running.push(stop)
    return stop
  }

  const inFlight = () =>
    world.platform.db
      .selectFrom('webhook_deliveries')
      .select('id')
      .where('webhook_id', '=', webhook.uuid)
      .where('claim', 'is not', null)
      .execute()

  it('send each event once, although there are two', async () => {
    startDispatcher()
    startDispatcher()
    const runs = await Promise.all(Array.from({ length: 40 }, () => world.run(tenant)))
    for (const run of runs) await world.publish(run, 'run.started', 'run.completed')
    await until(() => receiver.received.length >= 80, 50_000)
    await deliveriesOf(webhook, (all) => all.length === 80 && all.every((one) => one.status === 'success'))
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(80)
    expect(receiver.received).toHaveLength(80)
    for (const run of runs) {
      expect(
        receiver.received.filter(({ body }) => body.data.object.id === run.wireId).map(({ body }) => body.type),
      ).toEqual(['run.started', 'run.completed'])
    }
  }, 60_000)

  it('send an event again, with the same id, when one of them crashed before recording it', async () => {
    const lost = Promise.withResolvers<never>()
    let isFirst = true
    // As after kill -9: the first attempt was sent, but its outcome is never recorded.
    startDispatcher(async (delivery, signal) => {
      const { platform } = world
      if (!isFirst) return deliver(platform, delivery, signal)
      isFirst = false
      const found = await findSigningWebhook(platform.db, delivery.event.webhookId)
      if (found !== undefined) await sendAttempt(platform, { webhook: found, delivery }, signal)
      return lost.promise
    })
    await world.publish(await world.run(tenant), 'run.completed')
    await until(() => receiver.received.length === 1)
    startDispatcher()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(receiver.received).toHaveLength(1)
    await world.platform.db
      .updateTable('webhook_deliveries')
      .set({ claimed_until: new Date(0) })
      .where('webhook_id', '=', webhook.uuid)
      .execute()
    await until(() => receiver.received.length === 2)
    const [first, second] = receiver.received
    expect(second).toMatchObject({ id: first?.id, attempt: 1 })
    expect(await deliveriesOf(webhook, ([one]) => one?.status === 'success')).toHaveLength(1)
    lost.reject(new Error('The test is over.'))
  })

  it('do not record an attempt that another has claimed meanwhile', async () => {
    const release = Promise.withResolvers<void>()
    receiver.answer((response, _received, count) => {
      if (count === 0) void release.promise.then(() => response.writeHead(500).end())
      else response.writeHead(200).end()
    })
    startDispatcher()
    await world.publish(await world.run(tenant), 'run.completed')
    await until(() => receiver.received.length === 1)
    await world.platform.db
      .updateTable('webhook_deliveries')
      .set({ claimed_until: new Date(0) })
      .where('webhook_id', '=', webhook.uuid)
      .execute()
    startDispatcher()
    await until(() => receiver.received.length === 2)
    const [taken] = await deliveriesOf(webhook, ([one]) => one?.status === 'success')
    release.resolve()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await webhook.deliveries()).toEqual([taken])
  })

  it('release attempts in flight within seconds when they stop, and others send them at once', async () => {
    receiver.answer(hang)
    const stop = startDispatcher()
    await world.publish(await world.run(tenant), 'run.completed')
    await until(() => receiver.received.length === 1)
    expect(await inFlight()).toHaveLength(1)
    const startedMs = Date.now()
    await stop()
    // Shorter than the timeout of the receiver.
    expect(Date.now() - startedMs).toBeLessThan(14_000)
    expect(await inFlight()).toEqual([])
    receiver.answer(status(200))
    startDispatcher()
    await until(() => receiver.received.length === 2)
    const [first, second] = receiver.received
    expect(second).toMatchObject({ id: first?.id, attempt: 1 })
  })

  it('record attempts that are answered while they stop', async () => {
    const release = Promise.withResolvers<void>()
    receiver.answer((response) => void release.promise.then(() => response.writeHead(200).end()))
    const stop = startDispatcher()
    await world.publish(await world.run(tenant), 'run.completed')
    await until(() => receiver.received.length === 1)
    const stopped = stop()
    release.resolve()
    await stopped
    expect(await webhook.deliveries()).toMatchObject([{ status: 'success' }])
    expect(receiver.received).toHaveLength(1)
  })

  it('have at most two attempts in flight to an unknown receiver, and more to one that answers', async () => {
    const open: (() => void)[] = []
    receiver.answer((response) => void open.push(() => response.writeHead(200).end()))
    startDispatcher()
    const runs = await Promise.all(Array.from({ length: 30 }, () => world.run(tenant)))
    for (const run of runs) await world.publish(run, 'run.completed')
    await until(() => open.length === 2)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(open).toHaveLength(2)
    let most = 0
    await eventually(async () => {
      most = Math.max(most, (await inFlight()).length)
      open.splice(0).forEach((answer) => answer())
      return receiver.received.length === 30 ? true : undefined
    })
    expect(most).toBeLessThanOrEqual(10)
  })

  it('deliver to healthy receivers while others hang, in another organization and in the same', async () => {
    let [hanging, mostHanging] = [0, 0]
    receiver.answer((response) => {
      hanging += 1
      mostHanging = Math.max(mostHanging, hanging)
      response.on('close', () => (hanging -= 1))
    })
    const other = await world.tenant()
    const healthy = await Promise.all(Array.from({ length: 5 }, () => startReceiver()))
    for (const [index, { url }] of healthy.entries()) await world.webhook(index % 2 === 0 ? tenant : other, url)
    for (const owner of [tenant, tenant, other, other]) await world.webhook(owner, receiver.url)
    startDispatcher()
    const runs = await Promise.all(
      [tenant, other].flatMap((owner) => Array.from({ length: 30 }, () => world.run(owner))),
    )
    for (const run of runs) await world.publish(run, 'run.completed')
    await until(() => healthy.every(({ received }) => received.length === 30), 50_000)
    expect(mostHanging).toBeLessThanOrEqual(10)
    await Promise.all(healthy.map((one) => one.close()))
  }, 60_000)
})
