import type { LanguageModelV4 } from '@ai-sdk/provider'
import { watchedFetch } from './call-watch.ts'
import type { ModelApi } from './model-target.ts'

// A model object holds compiled schemas (about 100 kB) and no key, so all calls to a model share one.
const models = new Map<string, Promise<LanguageModelV4>>()
const modelsMax = 200

export interface ModelAddress {
  readonly api: ModelApi
  readonly baseUrl: string
  readonly modelId: string
}

/** The provider package's model at an address, loaded on first use. It has no key: send `keyHeaders` with each call. */
export function providerModel(address: ModelAddress): Promise<LanguageModelV4> {
  const key = JSON.stringify([address.api, address.baseUrl, address.modelId])
  const model = models.get(key) ?? createModel(address)
  models.delete(key)
  models.set(key, model)
  const oldest = models.keys().next()
  if (models.size > modelsMax && !oldest.done) models.delete(oldest.value)
  return model
}

// Without a key the packages would read one from the environment. This placeholder is never sent.
const placeholderKey = 'sent-with-each-call'

async function createModel({ api, baseUrl, modelId }: ModelAddress): Promise<LanguageModelV4> {
  const settings = { baseURL: baseUrl, apiKey: placeholderKey, fetch: watchedFetch }
  switch (api) {
    case 'openai-compatible': {
      const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
      return createOpenAICompatible({
        name: 'compatible',
        baseURL: baseUrl,
        fetch: watchedFetch,
        includeUsage: true,
      }).chatModel(modelId)
    }
    case 'openai':
      return (await import('@ai-sdk/openai')).createOpenAI(settings).chat(modelId)
    case 'anthropic':
      return (await import('@ai-sdk/anthropic')).createAnthropic(settings).messages(modelId)
    case 'google':
      return (await import('@ai-sdk/google')).createGoogle(settings).chat(toPath(modelId))
    case 'mistral':
      return (await import('@ai-sdk/mistral')).createMistral(settings).chat(modelId)
  }
}

// This protocol has the id in the path (`models/…`, `tunedModels/…`). Its segments stay segments.
function toPath(modelId: string): string {
  return modelId.split('/').map(encodeURIComponent).join('/')
}
