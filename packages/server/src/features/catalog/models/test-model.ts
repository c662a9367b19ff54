import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { testConnection } from './calling/test-connection.ts'
import { ConnectionTestWire } from './model-wire.ts'
import { getModelTarget, ModelGone } from './runnable-model.ts'
import { testTimeoutMs } from './test-provider-key.ts'

export const testModel = endpoint({
  route: 'POST /api/models/:modelId/test',
  summary: "Test a model's connection",
  description:
    'Requests the list of models from the provider with the stored key, which uses no tokens. ' +
    'A failed test returns 200 with `ok: false`.',
  caller: 'organization',
  permission: 'models:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { modelId: { id: 'model', missing: 'model-not-found' } },
  returns: { 200: ConnectionTestWire },
  fails: [],
  async handle({ params, scope, platform, log }) {
    const target = await getModelTarget(platform, scope.organizationId, params.modelId).catch((error: unknown) => {
      throw error instanceof ModelGone ? problem('model-not-found') : error
    })
    return ok(await testConnection(target, { timeoutMs: testTimeoutMs, log }))
  },
})
