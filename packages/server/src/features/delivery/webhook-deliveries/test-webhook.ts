import { Type } from 'typebox'
import type { Tx } from '../../../platform/db/database.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { getVisibleWebhook, type Webhook } from '../webhooks/index.ts'
import { insertAttempts } from './attempt-store.ts'
import { claimDelivery } from './claim-store.ts'
import { deliver } from './deliver.ts'
import { findDelivery } from './delivery-store.ts'
import { DeliveryTestWire, toDeliveryTestWire } from './delivery-wire.ts'
import { testEventType, type ClaimedDelivery } from './delivery.ts'
import { insertWebhookEvents } from './event-store.ts'
import { unsealExchange } from './exchange.ts'

export const testWebhook = endpoint({
  route: 'POST /api/webhooks/:webhookId/test',
  summary: 'Test a webhook',
  description:
    "Delivers `test.ping` now and returns the receiver's response. The reply is always 200. " +
    'A disabled webhook can be tested too. A test is not retried.',
  caller: 'application',
  permission: 'webhooks:write',
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'webhook.tested',
  params: { webhookId: { id: 'wh', missing: 'webhook-not-found' } },
  returns: { 200: Type.Object({ delivery: DeliveryTestWire }) },
  fails: [],
  async handle({ db, scope, params, platform, now, change }) {
    const { webhookId } = params
    const claimed = await change(
      async (tx) => claimTest(tx, await getVisibleWebhook(tx, scope, webhookId), now),
      () => toWireId('wh', webhookId),
    )
    await deliver(platform, claimed, platform.stopping)
    const kept = foundOr(await findDelivery(db, { ...scope, webhookId }, claimed.id), 'delivery-not-found')
    return ok({ delivery: toDeliveryTestWire(kept.delivery, await unsealExchange(platform, kept)) })
  },
})

/** Writes a test delivery and claims it in the same transaction, so that no worker sends it too. */
async function claimTest(
  tx: Tx,
  { id, url, organizationId, applicationId }: Webhook,
  now: Date,
): Promise<ClaimedDelivery> {
  const payload = { object: 'webhook', id: toWireId('wh', id), url }
  const event = {
    organizationId,
    applicationId,
    webhookId: id,
    type: testEventType,
    runId: null,
    endUserId: null,
    outboxId: null,
    payload,
    createdAt: now,
  }
  const [deliveryId = ''] = await insertAttempts(tx, await insertWebhookEvents(tx, [event]))
  const claimed = await claimDelivery(tx, deliveryId)
  if (claimed === undefined) throw new Error('A delivery was not found right after it was written.')
  return claimed
}
