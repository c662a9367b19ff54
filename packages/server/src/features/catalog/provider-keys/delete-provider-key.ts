import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { deleteProviderKeyRow } from './provider-key-store.ts'

export const deleteProviderKey = endpoint({
  route: 'DELETE /api/provider-keys/:providerKeyId',
  summary: 'Delete a provider key and its models',
  description:
    'The models that use the key are deleted with it. ' +
    'Agents that used one of these models switch to the default model.',
  caller: 'organization',
  permission: 'provider-keys:delete',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'provider-key.deleted',
  params: { providerKeyId: { id: 'mkey', missing: 'provider-key-not-found' } },
  returns: { 204: Nothing },
  fails: [],
  async handle({ params, scope, change }) {
    await change(
      async (tx) => {
        if (!(await deleteProviderKeyRow(tx, scope, params.providerKeyId))) throw problem('provider-key-not-found')
      },
      () => toWireId('mkey', params.providerKeyId),
    )
    return noContent()
  },
})
