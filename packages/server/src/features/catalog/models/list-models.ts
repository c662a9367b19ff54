import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { modelPrices } from './model-prices.ts'
import { loadModels } from './model-store.ts'
import { ModelWire, toModelWire } from './model-wire.ts'

export const listModels = endpoint({
  route: 'GET /api/models',
  summary: 'List models',
  caller: 'organization',
  permission: 'models:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(ModelWire) },
  fails: [],
  async handle({ query, scope, db, platform }) {
    const page = parsePage(query, idCursor('model'))
    const prices = platform.use(modelPrices)
    return ok(toPageWire(await loadModels(db, scope, page), page, (model) => toModelWire(model, prices)))
  },
})
