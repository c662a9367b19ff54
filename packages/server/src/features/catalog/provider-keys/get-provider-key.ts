import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { getProviderKey as getKey } from './provider-key-store.ts'
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
  handle: async ({ params, scope, db }) => ok(toProviderKeyWire(await getKey(db, scope, params.providerKeyId))),
})
