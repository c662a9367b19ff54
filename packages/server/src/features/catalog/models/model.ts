import type { InvalidPart } from '../../../platform/problems/problem.ts'
import type { ProviderApi } from '../provider-keys/index.ts'
import type { Price } from './price.ts'

/** A model that runs can use, called with its provider key, with its limits and its price. */
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
  /** The organization's own price; null means the price table's. */
  readonly cost: Price | null
  readonly enabled: boolean
  readonly isDefault: boolean
  readonly createdBy: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** The settings of a model, except its provider key. */
export interface ModelSettings {
  readonly label: string
  readonly modelId: string
  readonly contextWindow: number | null
  readonly maxTokens: number | null
  readonly cost: Price | null
  readonly enabled: boolean
}

/** Why a run has no usable model. */
export type MissingModel = 'model-not-configured' | 'model-not-found' | 'model-disabled'

/** The models that a run may use, and which of them was requested. */
export interface ModelCandidates {
  readonly models: readonly Model[]
  readonly requested: string | undefined
  readonly agentModelId: string | null
}

/**
 * The model of a run: the requested one, else the agent's, else the organization's default.
 * A chosen model that is disabled is never replaced by another one, which could cost more than intended.
 */
export function chooseModel({ models, requested, agentModelId }: ModelCandidates): Model | MissingModel {
  const byId = (id: string | null | undefined) => models.find((model) => model.id === id)
  if (requested !== undefined && byId(requested) === undefined) return 'model-not-found'
  const chosen = byId(requested) ?? byId(agentModelId) ?? models.find((model) => model.isDefault)
  if (chosen === undefined) return 'model-not-configured'
  return chosen.enabled ? chosen : 'model-disabled'
}

/** The mistakes in a model's id; empty when it can be called. Google's protocol has the id in the path of its URLs. */
export function findModelIdMistakes(api: ProviderApi, modelId: string): InvalidPart[] {
  if (api !== 'google' || !modelId.split('/').some((segment) => segment === '.' || segment === '..')) return []
  return [{ pointer: '/modelId', message: 'must not have the segments . and ..', code: 'format' }]
}
