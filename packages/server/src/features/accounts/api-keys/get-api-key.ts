import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findApiKey } from './api-key-store.ts'
import { ApiKeyWire, toApiKeyWire } from './api-key-wire.ts'

export const getApiKey = endpoint({
  route: 'GET /api/api-keys/:keyId',
  summary: 'Get an API key',
  description: 'The reply never contains the secret. For a revoked key, the reply is 404.',
  caller: 'application',
  permission: 'api-keys:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { keyId: { id: 'key', missing: 'api-key-not-found' } },
  returns: { 200: ApiKeyWire },
  fails: [],
  handle: async ({ params, scope, db }) =>
    ok(toApiKeyWire(foundOr(await findApiKey(db, scope, params.keyId), 'api-key-not-found'))),
})
