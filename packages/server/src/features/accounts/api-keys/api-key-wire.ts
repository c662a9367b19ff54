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
  createdByName: Type.String(),
  expiresAt: Nullable(WireTime),
  lastUsedAt: Nullable({ ...WireTime, description: 'Noted up to a minute later.' }),
  revokedAt: Nullable(WireTime),
  rotatedAt: Nullable({
    ...WireTime,
    description: 'When the key was given its present secret, if that is not its first.',
  }),
  previousExpiresAt: Nullable({ ...WireTime, description: 'Until when the former secret works, or worked.' }),
  createdAt: WireTime,
}

export const ApiKeyWire = wire('ApiKey', fields)

/** The replies that have the key itself: when it is made, and when it is rotated. */
export const NewApiKeyWire = wire('NewApiKey', {
  ...fields,
  key: Type.String({ description: 'The key. It is shown here and never again.' }),
})

/** What a request says of a key. */
export const nameField = Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' })
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
  }
}
