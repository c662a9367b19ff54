import { Type } from 'typebox'
import { addressPolicy } from '../../../platform/egress/address-policy.ts'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { newUuid, toWireId } from '../../../platform/ids/id.ts'
import { insertProviderKey } from './provider-key-store.ts'
import { providerKeyFields, ProviderKeyWire, toProviderKeyWire } from './provider-key-wire.ts'
import { findNewKeyMistakes, normalizeAddress } from './provider-key.ts'
import { sealSecret } from './provider-secret.ts'

export const createProviderKey = endpoint({
  route: 'POST /api/provider-keys',
  summary: "Store a model provider's key",
  description: 'The key is encrypted at rest and is never returned.',
  caller: 'organization',
  permission: 'provider-keys:write',
  limit: 'create',
  idempotency: 'supported',
  audit: 'provider-key.created',
  body: Type.Object({
    ...providerKeyFields,
    baseUrl: Type.Optional(providerKeyFields.baseUrl),
    apiKey: Type.Optional(providerKeyFields.apiKey),
  }),
  returns: { 201: ProviderKeyWire },
  fails: [],
  async handle({ body, scope, caller, platform, changeOnce }) {
    const address = normalizeAddress(body)
    const apiKey = body.apiKey ?? ''
    refuseInvalid(findNewKeyMistakes(address, apiKey, platform.use(addressPolicy)))
    const id = newUuid()
    const encryptedKey = sealSecret(platform, id, apiKey)
    return changeOnce(
      (tx) =>
        insertProviderKey(tx, scope, { id, label: body.label, ...address, encryptedKey, createdBy: caller.userId }),
      {
        describe: () => toWireId('mkey', id),
        reply: (key) => created(toProviderKeyWire(key), `/api/provider-keys/${toWireId('mkey', id)}`),
      },
    )
  },
})
