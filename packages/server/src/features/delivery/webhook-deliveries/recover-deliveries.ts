import { Type } from 'typebox'
import type { Db } from '../../../platform/db/database.ts'
import { endpoint } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { wire, WireTime } from '../../../platform/http/wire.ts'
import { nilUuid, toWireId } from '../../../platform/ids/id.ts'
import { getVisibleWebhook } from '../webhooks/index.ts'
import { beginSeries } from './attempt-store.ts'
import { findGivenUp, type Period, type WebhookScope } from './delivery-store.ts'
import { refuseDisabled } from './delivery.ts'

const batchMax = 500
const recoveredMax = 10_000

const RecoveryWire = wire('WebhookRecovery', {
  recovered: Type.Integer({ description: 'Number of events that will be delivered again.' }),
  more: Type.Boolean({ description: 'True if there are more events: call again.' }),
})

export const recoverDeliveries = endpoint({
  route: 'POST /api/webhooks/:webhookId/recover',
  summary: 'Recover failed events',
  description:
    'Delivers again every event in a time range whose last attempt failed, oldest first. ' +
    'Takes at most 10,000 events per call.',
  caller: 'application',
  permission: 'webhooks:write',
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'webhook.recovered',
  params: { webhookId: { id: 'wh', missing: 'webhook-not-found' } },
  body: Type.Object({
    since: { ...WireTime, description: 'Only events at this time or later.' },
    until: Type.Optional({ ...WireTime, description: 'Only events before this time. Default: now.' }),
  }),
  returns: { 202: RecoveryWire },
  fails: ['webhook-disabled'],
  async handle({ db, scope, params, body, now, platform, change }) {
    const period = { since: new Date(body.since), until: body.until === undefined ? now : new Date(body.until) }
    const mistake = { pointer: '/until', message: 'must be after since', code: 'order' }
    refuseInvalid(period.until > period.since ? [] : [mistake])
    refuseDisabled(await getVisibleWebhook(db, scope, params.webhookId))
    // Write the audit entry first, so that it exists even if a later batch fails.
    await change(
      async () => params.webhookId,
      (id) => toWireId('wh', id),
    )
    const recovery = await recoverBatches(platform.db, { ...scope, webhookId: params.webhookId }, period)
    platform.wake.wake('deliveries', '')
    return { status: 202, body: recovery } as const
  },
})

/** Begins a new series of attempts for the failed events of a period, with one transaction per batch. */
async function recoverBatches(
  db: Db,
  scope: WebhookScope,
  period: Period,
): Promise<{ recovered: number; more: boolean }> {
  let [recovered, after] = [0, nilUuid]
  while (recovered < recoveredMax) {
    const eventIds = await findGivenUp(db, scope, {
      ...period,
      after,
      limit: Math.min(batchMax, recoveredMax - recovered),
    })
    const last = eventIds.at(-1)
    if (last === undefined) return { recovered, more: false }
    recovered += (await db.transaction().execute((tx) => beginSeries(tx, eventIds))).length
    after = last
  }
  return { recovered, more: (await findGivenUp(db, scope, { ...period, after, limit: 1 })).length > 0 }
}
