import { Type } from 'typebox'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { OneOf } from '../../../platform/http/wire.ts'
import { newUuid, toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { refuseOverQuota } from '../../accounts/quotas/index.ts'
import { newSecret, sealSecret } from './webhook-secret.ts'
import { insertWebhook } from './webhook-store.ts'
import { NewWebhookWire, toNewWebhookWire, webhookFields } from './webhook-wire.ts'
import {
  agentIdOf,
  findWebhookMistakes,
  newWebhookFields,
  refuseFullPayload,
  signings,
  webhooksMax,
  type Webhook,
} from './webhook.ts'

const { url, events, ...optional } = webhookFields

export const createWebhook = endpoint({
  route: 'POST /api/webhooks',
  summary: 'Create a webhook',
  description:
    'Creates a webhook. Only this reply contains the secret. An application has at most 20 webhooks. ' +
    '`payloadMode: full` also needs the permission `runs:read`.',
  caller: 'application',
  permission: 'webhooks:write',
  limit: 'create',
  idempotency: 'supported',
  secretReply: true,
  audit: 'webhook.created',
  body: Type.Object({
    url,
    events,
    ...Type.Partial(
      Type.Object({
        ...optional,
        signing: OneOf(signings, {
          description: 'How deliveries are signed. Default: `hmac`. It cannot be changed later.',
        }),
      }),
    ).properties,
  }),
  returns: { 201: NewWebhookWire },
  fails: ['webhook-limit-reached', 'agent-not-found', 'quota-exceeded'],
  async handle({ body, scope, caller, permissions, platform, request, now, changeOnce }) {
    refuseInvalid(findWebhookMistakes(platform, body))
    const { signing = 'hmac', agentId, ...chosen } = body
    const id = newUuid()
    const { secret, publicKey } = newSecret(signing)
    const sealedSecret = sealSecret(platform, id, secret)
    const apiVersion = platform.versions.resolve(undefined, request.state.authorization.apiVersion)
    return changeOnce(
      async (tx) => {
        const fields = newWebhookFields({ ...chosen, ...(await agentIdOf(tx, scope, agentId)) }, { now, apiVersion })
        refuseFullPayload(fields, permissions)
        const webhook = { ...fields, id, signing, publicKey, sealedSecret, createdBy: caller.userId }
        const inserted = refuseTooMany(await insertWebhook(tx, scope, webhook))
        await refuseOverQuota(tx, platform, { scope, added: { webhooks: 1 } })
        return inserted
      },
      {
        describe: () => toWireId('wh', id),
        reply: (webhook) => created(toNewWebhookWire(webhook, secret), `/api/webhooks/${toWireId('wh', id)}`),
      },
    )
  },
})

function refuseTooMany(inserted: Webhook | undefined): Webhook {
  return foundOr(inserted, 'webhook-limit-reached', {
    detail: `An application has at most ${webhooksMax} webhooks: delete one, or add events to an existing one.`,
  })
}
