import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { ApiKey } from './api-key.ts'

const fields = {
  id: WireId('key'),
  name: Type.String(),
  keyPrefix: Type.String({ examples: ['ask_1a2b'], description: 'The first characters of the key.' }),
  scopes: Type.Array(Type.String({ examples: ['runs:read'] })),
  createdBy: WireId('usr'),
  expiresAt: Nullable(WireTime),
  lastUsedAt: Nullable({ ...WireTime, description: 'To the minute.' }),
  revokedAt: Nullable(WireTime),
  createdAt: WireTime,
}

export const ApiKeyWire = wire('ApiKey', fields)

/** The one reply that has the key itself. */
export const NewApiKeyWire = wire('NewApiKey', {
  ...fields,
  key: Type.String({ description: 'The key. It is shown here and never again.' }),
})

export function toApiKeyWire(apiKey: ApiKey): Static<typeof ApiKeyWire> {
  return {
    id: toWireId('key', apiKey.id),
    name: apiKey.name,
    keyPrefix: apiKey.keyPrefix,
    scopes: [...apiKey.scopes],
    createdBy: apiKey.createdBy,
    expiresAt: toWireTime(apiKey.expiresAt),
    lastUsedAt: toWireTime(apiKey.lastUsedAt),
    revokedAt: toWireTime(apiKey.revokedAt),
    createdAt: toWireTime(apiKey.createdAt),
  }
}
