import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { deleteModelRow } from './model-store.ts'

export const deleteModel = endpoint({
  route: 'DELETE /api/models/:modelId',
  summary: 'Delete a model',
  description:
    'Agents that used the model switch to the default model. Without a default model they cannot start runs.',
  caller: 'organization',
  permission: 'models:delete',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'model.deleted',
  params: { modelId: { id: 'model', missing: 'model-not-found' } },
  returns: { 204: Nothing },
  fails: [],
  async handle({ params, scope, change }) {
    await change(
      async (tx) => {
        if (!(await deleteModelRow(tx, scope, params.modelId))) throw problem('model-not-found')
      },
      () => toWireId('model', params.modelId),
    )
    return noContent()
  },
})
