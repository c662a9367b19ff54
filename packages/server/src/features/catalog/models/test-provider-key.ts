import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { unsealProviderKey } from '../provider-keys/index.ts'
import { modelEgress } from './calling/model-egress.ts'
import { testConnection } from './calling/test-connection.ts'
import { ConnectionTestWire } from './model-wire.ts'

/** How long a provider has to answer a test, in ms. */
export const testTimeoutMs = 10_000

export const testProviderKey = endpoint({
  route: 'POST /api/provider-keys/:providerKeyId/test',
  summary: 'Test a provider key',
  description:
    'Requests the list of models from the provider with the stored key, which uses no tokens. ' +
    'A failed test returns 200 with `ok: false`.',
  caller: 'organization',
  permission: 'provider-keys:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { providerKeyId: { id: 'mkey', missing: 'provider-key-not-found' } },
  returns: { 200: ConnectionTestWire },
  fails: [],
  async handle({ params, scope, platform, log }) {
    const key = await unsealProviderKey(platform, scope, params.providerKeyId)
    const { api, baseUrl, apiKey } = foundOr(key, 'provider-key-not-found')
    const { fetch } = platform.use(modelEgress)
    const target = { api, baseUrl: baseUrl ?? undefined, apiKey, modelId: '', fetch }
    return ok(await testConnection(target, { timeoutMs: testTimeoutMs, log }))
  },
})
