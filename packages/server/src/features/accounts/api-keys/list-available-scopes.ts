import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { scopesWithin } from './api-key.ts'

export const listAvailableScopes = endpoint({
  route: 'GET /api/api-keys/available-scopes',
  summary: 'List the scopes that you can grant to an API key',
  caller: 'application',
  permission: 'api-keys:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  returns: { 200: Type.Object({ scopes: Type.Array(Type.String()) }) },
  fails: [],
  handle: async ({ permissions, platform }) => ok({ scopes: scopesWithin(platform.permissions, permissions) }),
})
