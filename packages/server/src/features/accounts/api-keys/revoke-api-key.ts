import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { saveRevocation } from './api-key-store.ts'

export const revokeApiKey = endpoint({
  route: 'DELETE /api/api-keys/:keyId',
  summary: 'Revoke an API key',
  description: 'The key stops working immediately.',
  caller: 'application',
  permission: 'api-keys:revoke',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'api-key.revoked',
  params: { keyId: { id: 'key', missing: 'api-key-not-found' } },
  returns: { 204: Nothing },
  fails: [],
  async handle({ params, scope, now, change, platform }) {
    const id = toWireId('key', params.keyId)
    await change(
      async (tx) => {
        if (!(await saveRevocation(tx, scope, { id: params.keyId, now }))) throw problem('api-key-not-found')
      },
      () => id,
    )
    platform.wake.wake('keys', id)
    return noContent()
  },
})
