import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { modelPrices } from './model-prices.ts'
import { getModel as getModelRow } from './model-store.ts'
import { ModelWire, toModelWire } from './model-wire.ts'

export const getModel = endpoint({
  route: 'GET /api/models/:modelId',
  summary: 'Get a model',
  caller: 'organization',
  permission: 'models:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { modelId: { id: 'model', missing: 'model-not-found' } },
  returns: { 200: ModelWire },
  fails: [],
  handle: async ({ params, scope, db, platform }) =>
    ok(toModelWire(await getModelRow(db, scope, params.modelId), platform.use(modelPrices))),
})
