import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../../../testing/world.ts'
import { endWaitingOf } from './record-attempt.ts'
import { sweepDeliveries } from './sweep-deliveries.job.ts'
import { givenDelivery, type GivenDelivery } from './testing/given-delivery.ts'

describe('the sweep of deliveries', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ environment: { ALLOW_PRIVATE_ADDRESSES: 'true' } })
  })
  afterAll(() => world.close())

  const sweep = () => sweepDeliveries.run(world.platform, new AbortController().signal)
  const statusOf = async ({ uuids }: GivenDelivery) =>
    await world.platform.db
      .selectFrom('webhook_deliveries')
      .select(['status', 'error', 'gave_up'])
      .where('id', '=', uuids.delivery)
      .executeTakeFirst()
  const hasAge = ({ uuids }: GivenDelivery, days: number) =>
    world.platform.db
      .updateTable('webhook_events')
      .set({ created_at: new Date(Date.now() - days * 86_400_000) })
      .where('id', '=', uuids.event)
      .execute()

  it('ends the waiting attempts of a disabled webhook for good, unless they are recovered', async () => {
    const tenant = await world.tenant()
    const [disabled, enabled] = [
      await givenDelivery(world, tenant, 'pending'),
      await givenDelivery(world, tenant, 'pending'),
    ]
    await tenant.send(`PATCH /api/webhooks/${disabled.webhookId}`, { body: { enabled: false } })
    expect(await sweep()).toBe(false)
    expect(await statusOf(disabled)).toEqual({ status: 'failed', error: 'The webhook was disabled.', gave_up: true })
    expect(await statusOf(enabled)).toMatchObject({ status: 'pending' })
    await tenant.send(`PATCH /api/webhooks/${disabled.webhookId}`, { body: { enabled: true } })
    const { body } = await tenant.send(`POST /api/webhooks/${disabled.webhookId}/recover`, {
      body: { since: new Date(0).toISOString() },
    })
    expect(body).toEqual({ recovered: 1, more: false })
  })

  it('keeps the waiting attempts of a webhook that was enabled meanwhile', async () => {
    const { uuids, ...given } = await givenDelivery(world, await world.tenant(), 'pending')
    await endWaitingOf(world.platform.db, uuids.webhook)
    expect(await statusOf({ ...given, uuids })).toMatchObject({ status: 'pending' })
  })

  it('keeps attempts in flight to a disabled webhook', async () => {
    const tenant = await world.tenant()
    const given = await givenDelivery(world, tenant, 'pending')
    await tenant.send(`PATCH /api/webhooks/${given.webhookId}`, { body: { enabled: false } })
    const held = { ready: false, claim: given.uuids.event, claimed_until: new Date(Date.now() + 60_000) }
    await world.platform.db.updateTable('webhook_deliveries').set(held).where('id', '=', given.uuids.delivery).execute()
    await sweep()
    expect(await statusOf(given)).toMatchObject({ status: 'pending' })
  })

  it('removes events after 30 days with their deliveries, except pending ones', async () => {
    const tenant = await world.tenant()
    const [old, waiting, young] = [
      await givenDelivery(world, tenant),
      await givenDelivery(world, tenant, 'pending'),
      await givenDelivery(world, tenant),
    ]
    for (const given of [old, waiting]) await hasAge(given, 31)
    await hasAge(young, 29)
    await sweep()
    expect(await statusOf(old)).toBeUndefined()
    expect(await statusOf(waiting)).toMatchObject({ status: 'pending' })
    expect(await statusOf(young)).toMatchObject({ status: 'failed' })
    expect((await tenant.send(`GET /api/webhooks/${old.webhookId}/deliveries/${old.deliveryId}`)).status).toBe(404)
  })
})
