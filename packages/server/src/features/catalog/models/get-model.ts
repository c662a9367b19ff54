import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { modelPrices } from './model-prices.ts'
import { findModel } from './model-store.ts'
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
  async handle({ params, scope, db, platform }) {
    const model = foundOr(await findModel(db, scope, params.modelId), 'model-not-found')
    return ok(toModelWire(model, platform.use(modelPrices)))
  },
})
