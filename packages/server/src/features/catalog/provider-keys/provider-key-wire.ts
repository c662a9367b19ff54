import { Type, type Static } from 'typebox'
import { Nullable, OneOf, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { providerApis, type ProviderKey } from './provider-key.ts'

export const ProviderKeyWire = wire('ProviderKey', {
  id: WireId('mkey'),
  label: Type.String(),
  api: OneOf(providerApis),
  baseUrl: Nullable(Type.String({ description: "Null: the provider's own address." })),
  createdBy: Nullable(WireId('usr')),
  createdAt: WireTime,
  updatedAt: WireTime,
})

/** What a request says of a key. */
export const providerKeyFields = {
  label: Type.String({ minLength: 1, maxLength: 120, pattern: '\\S', description: 'How people recognise the key.' }),
  api: OneOf(providerApis, { description: 'The protocol that the provider speaks.' }),
  baseUrl: Nullable(
    Type.String({
      maxLength: 2000,
      examples: ['http://127.0.0.1:11434/v1'],
      description:
        "An http(s) URL. Required for `openai-compatible`; elsewhere it replaces the provider's own address.",
    }),
  ),
  apiKey: Type.String({
    maxLength: 4096,
    pattern: '^[!-~]*$',
    writeOnly: true,
    description: 'The secret: stored encrypted, never returned. Only `openai-compatible` may do without one.',
  }),
}

/** The wire form of a key; its secret has none. */
export function toProviderKeyWire(key: ProviderKey): Static<typeof ProviderKeyWire> {
  return {
    id: toWireId('mkey', key.id),
    label: key.label,
    api: key.api,
    baseUrl: key.baseUrl,
    createdBy: key.createdBy,
    createdAt: toWireTime(key.createdAt),
    updatedAt: toWireTime(key.updatedAt),
  }
}
