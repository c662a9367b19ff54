import { readWriteDelete, rights } from '../../../platform/access/permissions.ts'
import { optionalPath, whole } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'
import { createModel } from './create-model.ts'
import { deleteModel } from './delete-model.ts'
import { getModel } from './get-model.ts'
import { listModels } from './list-models.ts'
import { modelsOf, removeModels, isModelKept } from './model-store.ts'
import { setDefaultModel } from './set-default-model.ts'
import { testModel } from './test-model.ts'
import { testProviderKey } from './test-provider-key.ts'
import { updateModel } from './update-model.ts'

const problems = {
  'model-not-found': { status: 404, title: 'Model Not Found' },
} as const
const idPrefixes = { model: 'A model.' } as const
const permissions = {
  models: rights({ owner: readWriteDelete, member: ['read'], viewer: ['read'], grantable: true }),
}
const variables = {
  MODEL_PRICES: optionalPath('Path of a JSON file that overrides or extends the price table.'),
  MODEL_OUTAGE_SECONDS: whole({
    meaning:
      'Seconds for which a run keeps calling a model that only fails, within its own time. A wait that the provider ' +
      'asks for does not count.',
    fallback: 300,
    min: 0,
    max: 3600,
  }),
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
  interface ConfigVariables extends Readonly<typeof variables> {}
}

export const modelsFeature = feature({
  folder: 'catalog/models',
  tag: 'Models',
  description: 'The models that runs can use, with their limits and prices.',
  problems,
  idPrefixes,
  permissions,
  variables,
  removes: { organization: { models: removeModels } },
  owns: ['models'],
  contents: { organization: { models: { rows: modelsOf } } },
  isKept: { model: isModelKept },
  endpoints: {
    createModel,
    listModels,
    getModel,
    updateModel,
    deleteModel,
    setDefaultModel,
    testModel,
    testProviderKey,
  },
})

export { jsonDepthMax, parseCallArguments } from './calling/json-shape.ts'
export { ModelCallError } from './calling/model-call-error.ts'
export type { ModelTarget } from './calling/model-target.ts'
export type { StepAnswer, StepMessage, TokenUsage, ToolCall } from './calling/step-message.ts'
export type { CallObserver } from './calling/step.ts'
export { stepWithRetry } from './calling/step-with-retry.ts'
export type { CallLimiter } from './limiting/call-limiter.ts'
export { modelLimiters } from './limiting/model-limiters.ts'
export { modelPrices, PriceFileBroken } from './model-prices.ts'
export { holdModel, insertModel } from './model-store.ts'
export { costOf } from './price.ts'
export { findRunnableModel, getModelTarget, ModelGone, type RunnableModel } from './runnable-model.ts'
