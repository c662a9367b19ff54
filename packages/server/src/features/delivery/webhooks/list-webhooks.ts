import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { listWebhooks as listWebhookRows } from './webhook-store.ts'
import { toWebhookWire, WebhookWire } from './webhook-wire.ts'

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
    const page = parsePage(query)
    return ok(toPageWire(await listWebhookRows(db, scope, page), page, toWebhookWire))
  },
})
