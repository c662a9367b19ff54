import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { holdKeyOf } from './hold-key-of.ts'
import { modelPrices } from './model-prices.ts'
import { lockModel, saveModel } from './model-store.ts'
import { modelFields, ModelWire, toModelWire } from './model-wire.ts'
import { findModelIdMistakes } from './model.ts'
import { completePrice } from './price.ts'

export const updateModel = endpoint({
  route: 'PATCH /api/models/:modelId',
  summary: 'Change a model',
  description: 'Runs that have already started keep the limits and the price that they started with.',
  caller: 'organization',
  permission: 'models:write',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'model.updated',
  params: { modelId: { id: 'model', missing: 'model-not-found' } },
  body: Type.Partial(
    Type.Object({ ...modelFields, enabled: Type.Boolean({ description: 'No run can start with a disabled model.' }) }),
  ),
  returns: { 200: ModelWire },
  fails: ['provider-key-not-found'],
  async handle({ params, body, scope, platform, change }) {
    const { providerKeyId, cost, ...rest } = body
    const id = params.modelId
    const prices = platform.use(modelPrices)
    const { after } = await change(
      async (tx) => {
        const before = foundOr(await lockModel(tx, scope, id), 'model-not-found')
        const key = await holdKeyOf(tx, scope, providerKeyId ?? toWireId('mkey', before.providerKeyId))
        refuseInvalid(findModelIdMistakes(key.api, rest.modelId ?? before.modelId))
        const price = cost === undefined ? before.cost : cost === null ? null : completePrice(cost)
        return { before, after: await saveModel(tx, scope, { id, settings: { ...before, ...rest, cost: price }, key }) }
      },
      ({ before, after }) => ({
        resourceId: toWireId('model', id),
        changes: changesBetween(toModelWire(before, prices), toModelWire(after, prices)),
      }),
    )
    return ok(toModelWire(after, prices))
  },
})
