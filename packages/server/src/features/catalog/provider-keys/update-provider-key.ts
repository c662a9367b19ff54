import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { addressPolicy } from '../../../platform/egress/address-policy.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { lockProviderKey, saveProviderKey } from './provider-key-store.ts'
import { providerKeyFields, ProviderKeyWire, toProviderKeyWire } from './provider-key-wire.ts'
import { changeAddress, findChangeMistakes } from './provider-key.ts'
import { sealSecret } from './provider-secret.ts'

export const updateProviderKey = endpoint({
  route: 'PATCH /api/provider-keys/:providerKeyId',
  summary: 'Change a provider key',
  description:
    'The change applies to all models that use the key. To send the key to another server, give `apiKey` again.',
  caller: 'organization',
  permission: 'provider-keys:write',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'provider-key.updated',
  params: { providerKeyId: { id: 'mkey', missing: 'provider-key-not-found' } },
  body: Type.Partial(Type.Object(providerKeyFields)),
  returns: { 200: ProviderKeyWire },
  fails: [],
  async handle({ params, body, scope, platform, change }) {
    const id = params.providerKeyId
    const encryptedKey = body.apiKey === undefined ? undefined : sealSecret(platform, id, body.apiKey)
    const { after } = await change(
      async (tx) => {
        const before = foundOr(await lockProviderKey(tx, scope, id), 'provider-key-not-found')
        refuseInvalid(findChangeMistakes(before, body, platform.use(addressPolicy)))
        return {
          before,
          after: await saveProviderKey(tx, scope, {
            id,
            label: body.label ?? before.label,
            ...changeAddress(before, body),
            encryptedKey,
          }),
        }
      },
      ({ before, after }) => {
        // The audit log shows that the secret changed, never the secret itself.
        const [from, to] = [
          { ...toProviderKeyWire(before), apiKey: 'former' },
          { ...toProviderKeyWire(after), apiKey: body.apiKey === undefined ? 'former' : 'new' },
        ]
        return { resourceId: toWireId('mkey', id), changes: changesBetween(from, to, { secret: ['apiKey'] }) }
      },
    )
    return ok(toProviderKeyWire(after))
  },
})
