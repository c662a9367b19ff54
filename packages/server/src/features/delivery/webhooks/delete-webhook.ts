import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { deleteWebhookRow } from './webhook-store.ts'

export const deleteWebhook = endpoint({
  route: 'DELETE /api/webhooks/:webhookId',
  summary: 'Delete a webhook',
  description: 'Deletes a webhook with its deliveries. Pending deliveries are not sent.',
  caller: 'application',
  permission: 'webhooks:delete',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'webhook.deleted',
  params: { webhookId: { id: 'wh', missing: 'webhook-not-found' } },
  returns: { 204: Nothing },
  fails: [],
  async handle({ params, scope, change }) {
    await change(
      async (tx) => {
        if (!(await deleteWebhookRow(tx, scope, params.webhookId))) throw problem('webhook-not-found')
      },
      () => toWireId('wh', params.webhookId),
    )
    return noContent()
  },
})
