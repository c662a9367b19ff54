import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { loadApiKeys } from './api-key-store.ts'
import { ApiKeyWire, toApiKeyWire } from './api-key-wire.ts'

export const listApiKeys = endpoint({
  route: 'GET /api/api-keys',
  summary: 'List API keys',
  description: "Lists the application's keys that are not revoked.",
  caller: 'application',
  permission: 'api-keys:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(ApiKeyWire) },
  fails: [],
  async handle({ query, scope, db }) {
    const page = parsePage(query, idCursor('key'))
    return ok(toPageWire(await loadApiKeys(db, scope, page), page, toApiKeyWire))
  },
})
