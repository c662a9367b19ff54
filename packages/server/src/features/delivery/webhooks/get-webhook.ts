import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db } from '../../../platform/db/database.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findWebhook } from './webhook-store.ts'
import { toWebhookWire, WebhookWire } from './webhook-wire.ts'
import { refuseEndUser, type Webhook } from './webhook.ts'

export const getWebhook = endpoint({
  route: 'GET /api/webhooks/:webhookId',
  summary: 'Get a webhook',
  caller: 'application',
  permission: 'webhooks:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { webhookId: { id: 'wh', missing: 'webhook-not-found' } },
  returns: { 200: WebhookWire },
  fails: [],
  handle: async ({ params, scope, db }) => ok(toWebhookWire(await getVisibleWebhook(db, scope, params.webhookId))),
})

/** The webhook that a request names. Throws webhook-not-found, and forbidden on behalf of an end-user. */
export async function getVisibleWebhook(db: Db, scope: AppScope, id: string): Promise<Webhook> {
  refuseEndUser(scope)
  return foundOr(await findWebhook(db, scope, id), 'webhook-not-found')
}
