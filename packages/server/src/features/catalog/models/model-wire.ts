import { Type, type Static } from 'typebox'
import { Nullable, OneOf, toWireTime, wire, WireId, WireTime, NameText } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { providerApis } from '../provider-keys/index.ts'
import type { ModelPrices } from './model-prices.ts'
import type { Model } from './model.ts'
import { Price, PriceInput } from './price.ts'

export const ModelWire = wire('Model', {
  id: WireId('model'),
  label: Type.String(),
  providerKeyId: WireId('mkey'),
  api: OneOf(providerApis),
  baseUrl: Nullable(Type.String({ description: "Base URL of the API; null means the provider's own address." })),
  modelId: Type.String({ description: "The provider's name for the model." }),
  contextWindow: Nullable(Type.Integer()),
  maxTokens: Nullable(Type.Integer()),
  cost: Nullable({
    ...Price,
    description: "The organization's own price; null means that the server's price table applies.",
  }),
  price: Nullable({
    ...Price,
    description: 'The price that runs are charged, in USD per million tokens; null when unknown: runs then cost 0.',
  }),
  enabled: Type.Boolean(),
  isDefault: Type.Boolean(),
  createdBy: Nullable(WireId('usr')),
  createdAt: WireTime,
  updatedAt: WireTime,
})

const tokens = { minimum: 1, maximum: 100_000_000 }

/** The fields of a model in requests. */
export const modelFields = {
  label: NameText(120, { description: 'The display name of the model.' }),
  providerKeyId: WireId('mkey', 'The provider key to use; it sets the protocol and base URL.'),
  modelId: Type.String({
    minLength: 1,
    maxLength: 200,
    // Without white space and control characters.
    pattern: '^[^\\s\\u0000-\\u001f\\u007f-\\u009f]+$',
    examples: ['claude-sonnet-5-5'],
    description: "The provider's name for the model.",
  }),
  contextWindow: Nullable(
    Type.Integer({ ...tokens, description: 'Maximum number of tokens in one call; null when unknown.' }),
  ),
  maxTokens: Nullable(
    Type.Integer({
      ...tokens,
      description: "Maximum number of tokens in one answer; null means the provider's limit.",
    }),
  ),
  cost: Nullable({
    ...PriceInput,
    additionalProperties: false,
    description: "Price in USD per million tokens; replaces the price of the server's price table.",
  }),
}

/** The result of a connection test. */
export const ConnectionTestWire = wire('ConnectionTest', {
  ok: Type.Boolean(),
  latencyMs: Type.Integer(),
  error: Type.Optional(
    Type.String({ description: 'Why the test failed, such as `AUTH_FAILED` or `CONNECTION_REFUSED`.' }),
  ),
  message: Type.Optional(Type.String({ description: 'Why the test failed, as a sentence.' })),
})

/** The wire form of a model, with the price that applies. */
export function toModelWire(model: Model, prices: ModelPrices): Static<typeof ModelWire> {
  return {
    id: toWireId('model', model.id),
    label: model.label,
    providerKeyId: toWireId('mkey', model.providerKeyId),
    api: model.api,
    baseUrl: model.baseUrl,
    modelId: model.modelId,
    contextWindow: model.contextWindow,
    maxTokens: model.maxTokens,
    cost: model.cost,
    price: priceOf(model, prices),
    enabled: model.enabled,
    isDefault: model.isDefault,
    createdBy: model.createdBy,
    createdAt: toWireTime(model.createdAt),
    updatedAt: toWireTime(model.updatedAt),
  }
}

/** The price of the model's tokens: its own, else the price table's. */
export function priceOf(model: Model, prices: ModelPrices): Price | null {
  return model.cost ?? prices.find(model.api, model.modelId)
}
