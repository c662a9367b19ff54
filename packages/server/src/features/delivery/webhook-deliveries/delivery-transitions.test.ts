import { afterAll, beforeAll, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { changesOf, tryChanges } from '../../../testing/try-changes.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { deliveryStatuses, deliveryTransitions, type DeliveryStatus } from './delivery.ts'
import { givenDelivery } from './testing/given-delivery.ts'
import { endWaiting, saveOutcome } from './attempt-store.ts'

let world: World
let tenant: Tenant
beforeAll(async () => {
  world = await openWorld({ environment: { ALLOW_PRIVATE_ADDRESSES: 'true' } })
  tenant = await world.tenant()
})
afterAll(() => world.close())

it('ends a delivery as the table of transitions allows, and in no other way', async () => {
  const { db } = world.platform
  const claim = newUuid()
  const outcome = { statusCode: null, latencyMs: null, error: null, request: null, response: null, gaveUp: false }
  const given = async (status: DeliveryStatus, isClaimed: boolean) => {
    const { uuids } = await givenDelivery(world, tenant, 'pending')
    const ended = status === 'pending' ? null : new Date()
    const lease = isClaimed ? { claim, claimed_until: new Date() } : {}
    const held = { ...lease, ready: false, status, completed_at: ended }
    await db.updateTable('webhook_deliveries').set(held).where('id', '=', uuids.delivery).execute()
    await db
      .updateTable('webhooks')
      .set({ enabled: false, disabled_reason: 'user', disabled_at: new Date() })
      .where('id', '=', uuids.webhook)
      .execute()
    return uuids.delivery
  }
  const read = async (id: string) =>
    (await db.selectFrom('webhook_deliveries').select('status').where('id', '=', id).executeTakeFirstOrThrow()).status
  const sent = await tryChanges({
    statuses: deliveryStatuses,
    given: (status) => given(status, true),
    read,
    writes: (['success', 'failed'] as const).map(
      (status) => (id) => db.transaction().execute((tx) => saveOutcome(tx, { id, claim }, { ...outcome, status })),
    ),
  })
  expect(sent).toEqual(changesOf(deliveryTransitions))
  const unsent = await tryChanges({
    statuses: deliveryStatuses,
    given: (status) => given(status, false),
    read,
    writes: [(id) => db.transaction().execute((tx) => endWaiting(tx, [id], 'The webhook was disabled.'))],
  })
  expect(unsent).toEqual(['pending -> failed'])
})
