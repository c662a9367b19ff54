import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireId, WireTime, NameText } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { ApiKey } from './api-key.ts'
import { KeyLimitsWire, toKeyLimitsWire } from './key-limits.ts'

const fields = {
  id: WireId('key'),
  name: Type.String(),
  keyPrefix: Type.String({ examples: ['ask_1a2b'], description: 'The first characters of the key.' }),
  scopes: Type.Array(Type.String({ examples: ['runs:read'] })),
  createdBy: WireId('usr'),
  createdByName: Type.String(),
  expiresAt: Nullable(WireTime),
  lastUsedAt: Nullable({ ...WireTime, description: 'Recorded with a delay of up to a minute.' }),
  revokedAt: Nullable(WireTime),
  rotatedAt: Nullable({
    ...WireTime,
    description: 'When the secret was last replaced; null if the key still has its first secret.',
  }),
  previousExpiresAt: Nullable({ ...WireTime, description: 'When the previous secret stops or stopped working.' }),
  createdAt: WireTime,
  limits: KeyLimitsWire,
}

export const ApiKeyWire = wire('ApiKey', fields)

/** The reply that contains the secret itself: to creating a key and to rotating it. */
export const NewApiKeyWire = wire('NewApiKey', {
  ...fields,
  key: Type.String({ description: 'The secret. It is only in this reply and cannot be retrieved later.' }),
})

/** The fields of a key that a request sets. */
export const nameField = NameText(100)
export const scopesField = (description: string) =>
  Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: 200, uniqueItems: true, description })

export function toApiKeyWire(apiKey: ApiKey): Static<typeof ApiKeyWire> {
  return {
    id: toWireId('key', apiKey.id),
    name: apiKey.name,
    keyPrefix: apiKey.keyPrefix,
    scopes: [...apiKey.scopes],
    createdBy: apiKey.createdBy,
    createdByName: apiKey.createdByName,
    expiresAt: toWireTime(apiKey.expiresAt),
    lastUsedAt: toWireTime(apiKey.lastUsedAt),
    revokedAt: toWireTime(apiKey.revokedAt),
    rotatedAt: toWireTime(apiKey.rotatedAt),
    previousExpiresAt: toWireTime(apiKey.previousExpiresAt),
    createdAt: toWireTime(apiKey.createdAt),
    limits: toKeyLimitsWire(apiKey.limits),
  }
}
