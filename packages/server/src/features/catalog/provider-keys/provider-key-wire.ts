import { Type, type Static } from 'typebox'
import { Nullable, OneOf, toWireTime, wire, WireId, WireTime, NameText } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { providerApis, type ProviderKey } from './provider-key.ts'

export const ProviderKeyWire = wire('ProviderKey', {
  id: WireId('mkey'),
  label: Type.String(),
  api: OneOf(providerApis),
  baseUrl: Nullable(Type.String({ description: "Base URL of the API; null means the provider's own address." })),
  createdBy: Nullable(WireId('usr')),
  createdAt: WireTime,
  updatedAt: WireTime,
})

/** The fields of a provider key in requests. */
export const providerKeyFields = {
  label: NameText(120, { description: 'The display name of the key.' }),
  api: OneOf(providerApis, { description: 'The protocol that the provider speaks.' }),
  baseUrl: Nullable(
    Type.String({
      maxLength: 2000,
      examples: ['http://127.0.0.1:11434/v1'],
      description:
        "Base URL of the API, http or https. Required for `openai-compatible`, else it replaces the provider's own.",
    }),
  ),
  apiKey: Type.String({
    maxLength: 4096,
    pattern: '^[!-~]*$',
    writeOnly: true,
    description: "The provider's API key: stored encrypted, never returned. Optional for `openai-compatible` only.",
  }),
}

/** The wire form of a key, without its secret. */
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
