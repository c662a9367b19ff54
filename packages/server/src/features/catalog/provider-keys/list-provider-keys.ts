import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { loadProviderKeys } from './provider-key-store.ts'
import { ProviderKeyWire, toProviderKeyWire } from './provider-key-wire.ts'

export const listProviderKeys = endpoint({
  route: 'GET /api/provider-keys',
  summary: 'List provider keys',
  caller: 'organization',
  permission: 'provider-keys:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(ProviderKeyWire) },
  fails: [],
  async handle({ query, scope, db }) {
    const page = parsePage(query, idCursor('mkey'))
    return ok(toPageWire(await loadProviderKeys(db, scope, page), page, toProviderKeyWire))
  },
})
