import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { hashKey, newSecret, prefixOf, refuseRotation } from './api-key.ts'
import { lockApiKey, saveSecret } from './api-key-store.ts'
import { NewApiKeyWire, toApiKeyWire } from './api-key-wire.ts'
import { reportKey } from './report-key.ts'

const daySeconds = 86_400

export const rotateApiKey = endpoint({
  route: 'POST /api/api-keys/:keyId/rotate',
  summary: 'Rotate an API key',
  description:
    'The key keeps its id, name, scopes and expiry, and gets a new secret, which is only in this reply. ' +
    'The previous secret works until the overlap ends. ' +
    'If an earlier rotation is still in its overlap, its previous secret stops working immediately. ' +
    'A key of another member becomes yours: it then works as long as you are a member, and has no more rights than ' +
    'your role. The previous secret still ends with the membership of the other member.',
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
  async handle({ params, body, scope, permissions, now, change, ...call }) {
    const { platform, caller } = call
    const id = toWireId('key', params.keyId)
    const key = newSecret()
    const previousExpiresAt = new Date(now.getTime() + (body.overlapSeconds ?? daySeconds) * 1_000)
    const { before, after } = await change(
      async (tx) => {
        const found = foundOr(await lockApiKey(tx, scope, params.keyId), 'api-key-not-found')
        refuseRotation(found, { product: platform.permissions, permissions, now })
        return {
          before: found,
          after: await saveSecret(tx, scope, {
            id: found.id,
            keyHash: hashKey(key),
            keyPrefix: prefixOf(key),
            now,
            rotatedBy: caller.userId,
            previousExpiresAt,
          }),
        }
      },
      (keys) => ({ resourceId: id, changes: changesBetween(toApiKeyWire(keys.before), toApiKeyWire(keys.after)) }),
    )
    platform.wake.wake('keys', id)
    for (const userId of new Set([before.createdBy, after.createdBy]))
      await reportKey(call, { userId, action: 'api-key.rotated', name: after.name })
    return ok({ ...toApiKeyWire(after), key })
  },
})
