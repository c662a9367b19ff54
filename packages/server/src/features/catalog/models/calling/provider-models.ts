import type { LanguageModelV4 } from '@ai-sdk/provider'
import { watchedFetch } from './call-watch.ts'
import type { ModelApi } from './model-target.ts'

// Models hold compiled schemas (some 100 kB each) and no key, so calls to the same model share one.
const models = new Map<string, Promise<LanguageModelV4>>()
const modelsMax = 200

export interface ModelAddress {
  readonly api: ModelApi
  readonly baseUrl: string
  readonly modelId: string
}

/** The provider package's model at an address, loaded at its first use. It carries no key: send `keyHeaders` with each call. */
export function providerModel(address: ModelAddress): Promise<LanguageModelV4> {
  const key = JSON.stringify([address.api, address.baseUrl, address.modelId])
  const model = models.get(key) ?? createModel(address)
  models.delete(key)
  models.set(key, model)
  const oldest = models.keys().next()
  if (models.size > modelsMax && !oldest.done) models.delete(oldest.value)
  return model
}

// The packages would look for a missing key or URL in the environment: this one is never sent.
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
      return (await import('@ai-sdk/google')).createGoogle(settings).chat(modelId)
    case 'mistral':
      return (await import('@ai-sdk/mistral')).createMistral(settings).chat(modelId)
  }
}
