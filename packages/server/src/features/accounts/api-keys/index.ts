import { rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { keysOf, revokeKeysOf, removeApiKeys } from './api-key-store.ts'
import { createApiKey } from './create-api-key.ts'
import { getApiKey } from './get-api-key.ts'
import { listApiKeys } from './list-api-keys.ts'
import { listAvailableScopes } from './list-available-scopes.ts'
import { revokeApiKey } from './revoke-api-key.ts'
import { rotateApiKey } from './rotate-api-key.ts'
import { updateApiKey } from './update-api-key.ts'

export { hashKey, heldPermissions } from './api-key.ts'
export { issueApiKey } from './issue-api-key.ts'
export { findKey, findKeys, saveKeyUses, type KnownKey } from './key-check-store.ts'

const problems = {
  'api-key-not-found': { status: 404, title: 'API Key Not Found' },
  'api-key-expired': { status: 409, title: 'API Key Expired' },
} as const
const idPrefixes = { key: 'An API key.' } as const
const wakes = { keys: 'An API key or a membership changed.' } as const
const permissions = { 'api-keys': rights({ owner: ['read', 'create', 'revoke'], grantable: false }) }

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
  interface WakeTopics extends Readonly<typeof wakes> {}
}

export const apiKeysFeature = feature({
  folder: 'accounts/api-keys',
  tag: 'API Keys',
  description: 'Keys for calling the API from a program. Each belongs to one application.',
  problems,
  idPrefixes,
  wakes,
  permissions,
  removes: { application: { api_keys: removeApiKeys } },
  owns: ['api_keys'],
  contents: { application: { apiKeys: { rows: keysOf, description: 'API keys that are not revoked.' } } },
  memberLeft: revokeKeysOf,
  endpoints: { createApiKey, listApiKeys, listAvailableScopes, getApiKey, updateApiKey, rotateApiKey, revokeApiKey },
})
