import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { lockWebhook, saveWebhook } from './webhook-store.ts'
import { toWebhookWire, webhookFields, WebhookWire } from './webhook-wire.ts'
import { agentIdOf, changeWebhook, findWebhookMistakes, refuseFullPayload } from './webhook.ts'

export const updateWebhook = endpoint({
  route: 'PATCH /api/webhooks/:webhookId',
  summary: 'Change a webhook',
  description:
    'Changes the given fields of a webhook. `enabled: true` also enables a webhook that was disabled for failures. ' +
    'Existing deliveries keep their payload. A webhook with `payloadMode: full` also needs the permission `runs:read`.',
  caller: 'application',
  permission: 'webhooks:write',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'webhook.updated',
  params: { webhookId: { id: 'wh', missing: 'webhook-not-found' } },
  body: Type.Partial(Type.Object(webhookFields)),
  returns: { 200: WebhookWire },
  fails: ['agent-not-found'],
  async handle({ params, body, scope, permissions, platform, now, change }) {
    refuseInvalid(findWebhookMistakes(platform, body))
    const { agentId, ...chosen } = body
    const { after } = await change(
      async (tx) => {
        const before = foundOr(await lockWebhook(tx, scope, params.webhookId), 'webhook-not-found')
        refuseFullPayload(before, permissions)
        const changed = changeWebhook(before, { ...chosen, ...(await agentIdOf(tx, scope, agentId)) }, now)
        refuseFullPayload(changed, permissions)
        return { before: toWebhookWire(before), after: toWebhookWire(await saveWebhook(tx, scope, changed)) }
      },
      ({ before, after: { updatedAt: _, ...shown } }) => ({
        resourceId: toWireId('wh', params.webhookId),
        changes: changesBetween({ ...before, updatedAt: undefined }, shown),
      }),
    )
    return ok(after)
  },
})
