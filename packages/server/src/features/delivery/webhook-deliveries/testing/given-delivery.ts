import type { Tenant } from '../../../../testing/factories/tenant.ts'
import { insertRun } from '../../../../testing/factories/run.ts'
import type { World } from '../../../../testing/world.ts'
import { parseWireId, toWireId } from '../../../../platform/ids/id.ts'
import { insertWebhookEvents } from '../event-store.ts'
import { insertAttempts } from '../attempt-store.ts'

export interface GivenDelivery {
  readonly webhookId: string
  readonly deliveryId: string
  readonly eventId: string
  /** As stored. */
  readonly uuids: { readonly webhook: string; readonly event: string; readonly delivery: string }
}

/** A webhook with an event whose only attempt has the given state; nothing is sent. */
export async function givenDelivery(
  { platform }: World,
  tenant: Tenant,
  state: 'pending' | 'success' | 'gave-up' = 'gave-up',
): Promise<GivenDelivery> {
  const answer = await tenant.send('POST /api/webhooks', {
    body: { url: 'http://127.0.0.1:9/', events: ['run.completed'] },
  })
  if (answer.status !== 201) throw new Error(`The webhook was not created: ${answer.text}`)
  const webhookId = parseWireId('wh', answer.body.id) ?? ''
  const run = await insertRun(platform, tenant, { status: 'success' })
  const { organizationId, applicationId } = tenant
  const payload = { id: run.wireId, status: 'success' }
  const event = {
    organizationId,
    applicationId,
    webhookId,
    type: 'run.completed',
    runId: run.id,
    endUserId: null,
    outboxId: 1,
    payload,
    createdAt: new Date(),
  }
  const [eventId = '', deliveryId = ''] = await platform.db.transaction().execute(async (tx) => {
    const ids = await insertWebhookEvents(tx, [event])
    return [...ids, ...(await insertAttempts(tx, ids))]
  })
  const ended = {
    status: state === 'success' ? 'success' : 'failed',
    gave_up: state === 'gave-up',
    ready: false,
    completed_at: new Date(),
  } as const
  if (state !== 'pending')
    await platform.db.updateTable('webhook_deliveries').set(ended).where('id', '=', deliveryId).execute()
  return {
    webhookId: answer.body.id,
    deliveryId: toWireId('del', deliveryId),
    eventId: toWireId('evt', eventId),
    uuids: { webhook: webhookId, event: eventId, delivery: deliveryId },
  }
}
