import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { loadWebhooks } from './webhook-store.ts'
import { toWebhookWire, WebhookWire } from './webhook-wire.ts'
import { refuseEndUser } from './webhook.ts'

export const listWebhooks = endpoint({
  route: 'GET /api/webhooks',
  summary: 'List webhooks',
  caller: 'application',
  permission: 'webhooks:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(WebhookWire) },
  fails: [],
  async handle({ query, scope, db }) {
    const page = parsePage(query, idCursor('wh'))
    refuseEndUser(scope)
    return ok(toPageWire(await loadWebhooks(db, scope, page), page, toWebhookWire))
  },
})
