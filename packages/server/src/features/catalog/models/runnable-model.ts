import type { Db } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { unsealProviderKey } from '../provider-keys/index.ts'
import { modelEgress } from './calling/model-egress.ts'
import type { ModelTarget } from './calling/model-target.ts'
import { modelPrices } from './model-prices.ts'
import { findModel, loadCandidates } from './model-store.ts'
import { priceOf } from './model-wire.ts'
import { chooseModel, type MissingModel, type Model } from './model.ts'
import type { Price } from './price.ts'

/** A model that a run can be started with. */
export interface RunnableModel
  extends Pick<Model, 'id' | 'label' | 'api' | 'baseUrl' | 'modelId' | 'contextWindow' | 'maxTokens'> {
  /** Null when unknown: the run then costs 0. */
  readonly price: Price | null
}

/** The model or its key was deleted after the run was started. */
export class ModelGone extends Error {
  override readonly name = 'ModelGone'
}

/** The model of a run: the requested one, else the agent's, else the default; or why there is none. */
// eslint-disable-next-line max-params -- connection, services, tenant, request: every caller has them separately
export async function findRunnableModel(
  db: Db,
  platform: Pick<Platform, 'use'>,
  organizationId: string,
  { requested, agentModelId }: { requested?: string; agentModelId: string | null },
): Promise<RunnableModel | { readonly missing: MissingModel }> {
  const ids = [requested, agentModelId ?? undefined].filter((id) => id !== undefined)
  const models = await loadCandidates(db, { organizationId }, ids)
  const model = chooseModel({ models, requested, agentModelId })
  if (typeof model === 'string') return { missing: model }
  const { id, label, api, baseUrl, modelId, contextWindow, maxTokens } = model
  return {
    id,
    label,
    api,
    baseUrl,
    modelId,
    contextWindow,
    maxTokens,
    price: priceOf(model, platform.use(modelPrices)),
  }
}

/**
 * How to call a model, with its decrypted key: keep it no longer than the call.
 * Throws ModelGone, and SealBroken when the key cannot be decrypted.
 */
export async function getModelTarget(
  platform: Pick<Platform, 'db' | 'keyRing' | 'use'>,
  organizationId: string,
  id: string,
): Promise<ModelTarget> {
  const model = await findModel(platform.db, { organizationId }, id)
  const key =
    model === undefined ? undefined : await unsealProviderKey(platform, { organizationId }, model.providerKeyId)
  if (model === undefined || key === undefined) throw new ModelGone('The model or its provider key was deleted.')
  return {
    api: key.api,
    baseUrl: key.baseUrl ?? undefined,
    modelId: model.modelId,
    apiKey: key.apiKey,
    fetch: platform.use(modelEgress).fetch,
    ...(model.maxTokens === null ? {} : { maxOutputTokens: model.maxTokens }),
  }
}
