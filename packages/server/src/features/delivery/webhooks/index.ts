import { readWriteDelete, rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { createWebhook } from './create-webhook.ts'
import { deleteWebhook } from './delete-webhook.ts'
import { getWebhook } from './get-webhook.ts'
import { listWebhooks } from './list-webhooks.ts'
import { rotateWebhookSecret } from './rotate-webhook-secret.ts'
import { updateWebhook } from './update-webhook.ts'
import { webhooksOf, removeWebhooks, isWebhookKept } from './webhook-store.ts'

const problems = {
  'webhook-not-found': { status: 404, title: 'Webhook Not Found' },
  'webhook-limit-reached': { status: 409, title: 'Webhook Limit Reached' },
} as const
const idPrefixes = { wh: 'A webhook.' } as const
const permissions = { webhooks: rights({ owner: readWriteDelete, grantable: true }) }

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
}

export const webhooksFeature = feature({
  folder: 'delivery/webhooks',
  tag: 'Webhooks',
  description: 'URLs that receive events, such as a run starting or ending, as signed requests.',
  problems,
  idPrefixes,
  permissions,
  removes: { application: { webhooks: removeWebhooks } },
  owns: ['webhooks'],
  contents: { application: { webhooks: { rows: webhooksOf } } },
  isKept: { wh: isWebhookKept },
  endpoints: {
    createWebhook,
    listWebhooks,
    getWebhook,
    updateWebhook,
    deleteWebhook,
    rotateWebhookSecret,
  },
})

export { getVisibleWebhook } from './get-webhook.ts'
export { signingHeaders } from './signing-headers.ts'
export { disableWebhook, recordFailure, recordSuccess } from './webhook-health-store.ts'
export { findSigningWebhook, holdSubscribed, holdWebhooks, webhookIdsOf, webhookStates } from './webhook-store.ts'
export type { SigningWebhook, Webhook } from './webhook.ts'
