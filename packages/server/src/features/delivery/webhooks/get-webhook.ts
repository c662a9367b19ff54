import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { getWebhook as getWebhookRow } from './webhook-store.ts'
import { toWebhookWire, WebhookWire } from './webhook-wire.ts'

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
  handle: async ({ params, scope, db }) => ok(toWebhookWire(await getWebhookRow(db, scope, params.webhookId))),
})
