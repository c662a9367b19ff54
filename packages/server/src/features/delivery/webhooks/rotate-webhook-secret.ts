import { Type } from 'typebox'
import type { AuditChanges } from '../../../platform/audit/audit.ts'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { newSecret, sealSecret } from './webhook-secret.ts'
import { lockWebhook, saveSecret } from './webhook-store.ts'
import { NewWebhookWire, toNewWebhookWire } from './webhook-wire.ts'
import { overlapEnd, overlapSecondsDefault, refuseFullPayload, type Webhook } from './webhook.ts'

export const rotateWebhookSecret = endpoint({
  route: 'POST /api/webhooks/:webhookId/rotate',
  summary: "Rotate a webhook's secret",
  description:
    "Replaces a webhook's secret. Only this reply contains the new secret. Until the overlap ends, every delivery is " +
    'signed with both secrets. An older secret from a previous rotation stops working at once. ' +
    'A webhook with `payloadMode: full` also needs the permission `runs:read`.',
  caller: 'application',
  permission: 'webhooks:write',
  limit: 'create',
  idempotency: 'supported',
  secretReply: true,
  audit: 'webhook.secret-rotated',
  params: { webhookId: { id: 'wh', missing: 'webhook-not-found' } },
  bodyKind: 'optional-json',
  body: Type.Object({
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 604_800,
        default: overlapSecondsDefault,
        description: 'How many seconds the old secret continues to sign; 0 ends it at once.',
      }),
    ),
  }),
  returns: { 200: NewWebhookWire },
  fails: [],
  async handle({ params, body, scope, permissions, platform, now, changeOnce }) {
    const id = params.webhookId
    return changeOnce(
      async (tx) => {
        const before = foundOr(await lockWebhook(tx, scope, id), 'webhook-not-found')
        refuseFullPayload(before, permissions)
        const renewed = newSecret(before.signing)
        const sealedSecret = sealSecret(platform, id, renewed.secret)
        const after = await saveSecret(tx, scope, {
          id,
          sealedSecret,
          publicKey: renewed.publicKey,
          previousSecretExpiresAt: overlapEnd(now, body.overlapSeconds),
        })
        return { before, webhook: after, secret: renewed.secret }
      },
      {
        describe: (rotated) => ({ resourceId: toWireId('wh', id), changes: changesOf(rotated) }),
        reply: ({ webhook, secret }) => ok(toNewWebhookWire(webhook, secret)),
      },
    )
  },
})

function changesOf({ before, webhook, secret }: { before: Webhook; webhook: Webhook; secret: string }): AuditChanges {
  const shown = ({ publicKey, previousSecretExpiresAt }: Webhook) => ({ publicKey, previousSecretExpiresAt })
  return changesBetween(
    { ...shown(before), secret: 'the old one' },
    { ...shown(webhook), secret },
    { secret: ['secret'] },
  )
}
