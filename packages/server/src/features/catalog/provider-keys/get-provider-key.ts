import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findProviderKey } from './provider-key-store.ts'
import { ProviderKeyWire, toProviderKeyWire } from './provider-key-wire.ts'

export const getProviderKey = endpoint({
  route: 'GET /api/provider-keys/:providerKeyId',
  summary: 'Get a provider key',
  description: 'The reply does not contain the secret.',
  caller: 'organization',
  permission: 'provider-keys:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { providerKeyId: { id: 'mkey', missing: 'provider-key-not-found' } },
  returns: { 200: ProviderKeyWire },
  fails: [],
  async handle({ params, scope, db }) {
    const key = foundOr(await findProviderKey(db, scope, params.providerKeyId), 'provider-key-not-found')
    return ok(toProviderKeyWire(key))
  },
})
