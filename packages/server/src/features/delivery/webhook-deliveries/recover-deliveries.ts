import { Type } from 'typebox'
import { endpoint } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { wire, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { getWebhook } from '../webhooks/index.ts'
import { recoverBatches } from './recover-batches.ts'
import { refuseDisabled } from './refuse-disabled.ts'

const RecoveryWire = wire('WebhookRecovery', {
  recovered: Type.Integer({ description: 'Events that are delivered again.' }),
  more: Type.Boolean({ description: 'There are more: call again.' }),
})

export const recoverDeliveries = endpoint({
  route: 'POST /api/webhooks/:webhookId/recover',
  summary: 'Recover failed events',
  description:
    'Delivers every event again that happened since a time and whose last attempt failed, oldest first; at most 10,000 in one call.',
  caller: 'application',
  permission: 'webhooks:write',
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'webhook.recovered',
  params: { webhookId: { id: 'wh', missing: 'webhook-not-found' } },
  body: Type.Object({
    since: { ...WireTime, description: 'Events from here on.' },
    until: Type.Optional({ ...WireTime, description: 'Events before this; now, when absent.' }),
  }),
  returns: { 202: RecoveryWire },
  fails: ['webhook-disabled'],
  async handle({ db, scope, params, body, now, platform, change }) {
    const period = { since: new Date(body.since), until: body.until === undefined ? now : new Date(body.until) }
    const mistake = { pointer: '/until', message: 'must be after since', code: 'order' }
    refuseInvalid(period.until > period.since ? [] : [mistake])
    refuseDisabled(await getWebhook(db, scope, params.webhookId))
    // The entry is there whatever the batches after it come to.
    await change(
      async () => params.webhookId,
      (id) => toWireId('wh', id),
    )
    const recovery = await recoverBatches(platform, { ...scope, webhookId: params.webhookId }, period)
    platform.wake.wake('deliveries', '')
    return { status: 202, body: recovery } as const
  },
})
