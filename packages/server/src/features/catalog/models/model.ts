import type { ProviderApi } from '../provider-keys/index.ts'
import type { Price } from './price.ts'

/** A model that runs can use: one of its provider key's, with its limits and its price. */
export interface Model {
  readonly id: string
  readonly label: string
  readonly providerKeyId: string
  /** The provider key's protocol and address. */
  readonly api: ProviderApi
  readonly baseUrl: string | null
  /** The provider's name for the model. */
  readonly modelId: string
  readonly contextWindow: number | null
  readonly maxTokens: number | null
  /** The organization's own price; null takes the price table's. */
  readonly cost: Price | null
  readonly enabled: boolean
  readonly isDefault: boolean
  readonly createdBy: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** What people set of a model, beside its provider key. */
export interface ModelSettings {
  readonly label: string
  readonly modelId: string
  readonly contextWindow: number | null
  readonly maxTokens: number | null
  readonly cost: Price | null
  readonly enabled: boolean
}

/** Why there is no model to run with. */
export type MissingModel = 'model-not-configured' | 'model-not-found' | 'model-disabled'

/** The models that may serve a run, and which of them was asked for. */
export interface ModelCandidates {
  readonly models: readonly Model[]
  readonly requested: string | undefined
  readonly agentModelId: string | null
}

/**
 * The model of a run: the requested one, else the agent's, else the organization's default.
 * A model that was chosen but is disabled is never replaced by another: that could cost more than was meant.
 */
export function chooseModel({ models, requested, agentModelId }: ModelCandidates): Model | MissingModel {
  const byId = (id: string | null | undefined) => models.find((model) => model.id === id)
  if (requested !== undefined && byId(requested) === undefined) return 'model-not-found'
  const chosen = byId(requested) ?? byId(agentModelId) ?? models.find((model) => model.isDefault)
  if (chosen === undefined) return 'model-not-configured'
  return chosen.enabled ? chosen : 'model-disabled'
}
