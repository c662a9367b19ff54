import { Type } from 'typebox'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { newUuid, toWireId } from '../../../platform/ids/id.ts'
import { holdKeyOf } from './hold-key-of.ts'
import { modelPrices } from './model-prices.ts'
import { insertModel, lockModels } from './model-store.ts'
import { modelFields, ModelWire, toModelWire } from './model-wire.ts'
import { findModelIdMistakes } from './model.ts'
import { completePrice } from './price.ts'

export const createModel = endpoint({
  route: 'POST /api/models',
  summary: 'Add a model',
  description: "The organization's first model becomes its default.",
  caller: 'organization',
  permission: 'models:write',
  limit: 'create',
  idempotency: 'supported',
  audit: 'model.created',
  body: Type.Object({
    label: modelFields.label,
    providerKeyId: modelFields.providerKeyId,
    modelId: modelFields.modelId,
    contextWindow: Type.Optional(modelFields.contextWindow),
    maxTokens: Type.Optional(modelFields.maxTokens),
    cost: Type.Optional(modelFields.cost),
  }),
  returns: { 201: ModelWire },
  fails: ['provider-key-not-found'],
  async handle({ body, scope, caller, platform, changeOnce }) {
    const { label, modelId, contextWindow = null, maxTokens = null, cost = null } = body
    const id = newUuid()
    return changeOnce(
      async (tx) => {
        await lockModels(tx, scope)
        const key = await holdKeyOf(tx, scope, body.providerKeyId)
        refuseInvalid(findModelIdMistakes(key.api, modelId))
        const settings = {
          label,
          modelId,
          contextWindow,
          maxTokens,
          cost: cost === null ? null : completePrice(cost),
          enabled: true,
        }
        return insertModel(tx, scope, { id, settings, key, createdBy: caller.userId })
      },
      {
        describe: () => toWireId('model', id),
        reply: (model) =>
          created(toModelWire(model, platform.use(modelPrices)), `/api/models/${toWireId('model', id)}`),
      },
    )
  },
})
