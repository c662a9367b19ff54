import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { hashKey, newSecret, prefixOf, refuseRotation } from './api-key.ts'
import { lockApiKey, saveSecret } from './api-key-store.ts'
import { NewApiKeyWire, toApiKeyWire } from './api-key-wire.ts'

const daySeconds = 86_400

export const rotateApiKey = endpoint({
  route: 'POST /api/api-keys/:keyId/rotate',
  summary: 'Rotate an API key',
  description:
    'The key keeps its id, name, scopes and expiry, and gets a new secret, which is only in this reply. ' +
    'The previous secret works until the overlap ends. ' +
    'If an earlier rotation is still in its overlap, its previous secret stops working immediately.',
  caller: 'application',
  permission: 'api-keys:create',
  limit: 'create',
  // A reply stored for replays would contain the secret.
  idempotency: 'not-needed',
  audit: 'api-key.rotated',
  params: { keyId: { id: 'key', missing: 'api-key-not-found' } },
  bodyKind: 'optional-json',
  body: Type.Object({
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 7 * daySeconds,
        default: daySeconds,
        description: 'How long the previous secret works, in seconds; 0 stops it immediately.',
      }),
    ),
  }),
  returns: { 200: NewApiKeyWire },
  fails: ['api-key-expired'],
  async handle({ params, body, scope, permissions, now, change, platform }) {
    const id = toWireId('key', params.keyId)
    const key = newSecret()
    const previousExpiresAt = new Date(now.getTime() + (body.overlapSeconds ?? daySeconds) * 1_000)
    const { after } = await change(
      async (tx) => {
        const before = foundOr(await lockApiKey(tx, scope, params.keyId), 'api-key-not-found')
        refuseRotation(before, { product: platform.permissions, permissions, now })
        return {
          before,
          after: await saveSecret(tx, scope, {
            id: before.id,
            keyHash: hashKey(key),
            keyPrefix: prefixOf(key),
            now,
            previousExpiresAt,
          }),
        }
      },
      ({ before, after }) => ({ resourceId: id, changes: changesBetween(toApiKeyWire(before), toApiKeyWire(after)) }),
    )
    platform.wake.wake('keys', id)
    return ok({ ...toApiKeyWire(after), key })
  },
})
