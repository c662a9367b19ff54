import type { GuardedFetch } from '../../../../platform/egress/egress.ts'
import { findBaseUrlMistake } from '../../provider-keys/index.ts'

/** The wire protocols that a model can be called with. */
export const modelApis = ['openai-compatible', 'openai', 'anthropic', 'google', 'mistral'] as const
export type ModelApi = (typeof modelApis)[number]

/** A model and how to reach it. `apiKey` is the plain secret: keep a target no longer than the call. */
export interface ModelTarget {
  readonly api: ModelApi
  /** Base URL of the API with its version (`https://…/v1`); undefined means the provider's own. */
  readonly baseUrl: string | undefined
  readonly modelId: string
  /** May be empty for `openai-compatible`: local servers often need no key. */
  readonly apiKey: string
  readonly maxOutputTokens?: number | undefined
  /** Sends the requests; checks each address that is connected to. */
  readonly fetch: GuardedFetch
}

const defaultBaseUrls: Readonly<Record<ModelApi, string | undefined>> = {
  'openai-compatible': undefined,
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
  google: 'https://generativelanguage.googleapis.com/v1beta',
  mistral: 'https://api.mistral.ai/v1',
}

/** Why a call cannot be made: the stored base URL is missing, or is from a time when more of them were accepted. */
export const noBaseUrl =
  'The provider key has no valid base URL: it must be an http or https URL without credentials, query, fragment and ' +
  'dot segments. Correct the provider key.'

/** The base URL without a trailing slash; undefined when there is none or no path can be appended to it. */
export function findBaseUrl({ api, baseUrl }: Pick<ModelTarget, 'api' | 'baseUrl'>): string | undefined {
  const given = (baseUrl ?? defaultBaseUrls[api])?.replace(/\/+$/, '')
  if (given === undefined || findBaseUrlMistake(given) !== undefined) return undefined
  // The provider's documentation names its host without the version.
  return api === 'anthropic' && given === 'https://api.anthropic.com' ? `${given}/v1` : given
}

/** The headers that carry the key, in lower case as the provider packages write them. */
export function keyHeaders({ api, apiKey }: Pick<ModelTarget, 'api' | 'apiKey'>): Record<string, string> {
  if (apiKey === '') return {}
  switch (api) {
    case 'anthropic':
      return { 'x-api-key': apiKey }
    case 'google':
      return { 'x-goog-api-key': apiKey }
    case 'openai-compatible':
    case 'openai':
    case 'mistral':
      return { authorization: `Bearer ${apiKey}` }
  }
}

/** Whether the key is a valid HTTP header value: the HTTP client would quote an invalid one in its error. */
export function isSendableKey({ api, apiKey }: Pick<ModelTarget, 'api' | 'apiKey'>): boolean {
  return apiKey === '' ? api === 'openai-compatible' : /^[\x21-\x7e]+$/.test(apiKey)
}
