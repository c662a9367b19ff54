import { isAllowedHost } from '../../../platform/egress/egress-url.ts'
import type { InvalidPart } from '../../../platform/problems/problem.ts'

/** The protocols that a key can be for. */
export const providerApis = ['openai-compatible', 'openai', 'anthropic', 'google', 'mistral'] as const
export type ProviderApi = (typeof providerApis)[number]

/**
 * Where a base URL may lead: also to loopback and private addresses, where own models live (Ollama, vLLM), but never to what hands out
 * a machine's credentials, nor to link-local and reserved ranges. It holds for names too, when they are connected to.
 */
export const providerAddressRule = { allowLocal: true } as const

/** Where a key is sent. */
export interface ProviderAddress {
  readonly api: ProviderApi
  /** Null: the provider's own address. */
  readonly baseUrl: string | null
}

/** A key of a model provider, as everybody but the engine sees it: without its secret. */
export interface ProviderKey extends ProviderAddress {
  readonly id: string
  readonly label: string
  readonly createdBy: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface ProviderKeyChanges {
  readonly label?: string
  readonly api?: ProviderApi
  readonly baseUrl?: string | null
  readonly apiKey?: string
}

/** The address as it is stored: without slashes at the end. */
export function normalizeAddress({ api, baseUrl }: { api: ProviderApi; baseUrl?: string | null }): ProviderAddress {
  return { api, baseUrl: baseUrl?.replace(/\/+$/, '') ?? null }
}

/** What is wrong with a new key; empty when it can be stored. */
export function findNewKeyMistakes(address: ProviderAddress, apiKey: string): InvalidPart[] {
  return [...findAddressMistakes(address), ...findSecretMistakes(address, apiKey)]
}

// Local servers often ask for no key.
function findSecretMistakes({ api }: ProviderAddress, apiKey: string): InvalidPart[] {
  return apiKey === '' && api !== 'openai-compatible' ? [mistake('/apiKey', `is required for ${api}`, 'required')] : []
}

function findAddressMistakes({ api, baseUrl }: ProviderAddress): InvalidPart[] {
  if (baseUrl === null)
    return api === 'openai-compatible' ? [mistake('/baseUrl', 'is required for openai-compatible', 'required')] : []
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    return [mistake('/baseUrl', 'must be an http or https URL', 'format')]
  if (url.username !== '' || url.password !== '')
    return [mistake('/baseUrl', 'must not hold credentials: send the key as apiKey', 'format')]
  if (url.search !== '' || url.hash !== '')
    return [mistake('/baseUrl', 'must not have a query or a fragment', 'format')]
  return isAllowedHost(url, providerAddressRule)
    ? []
    : [mistake('/baseUrl', 'must not be a metadata, link-local or reserved address', 'address')]
}

/** What is wrong with a change; empty when it can be made. */
export function findChangeMistakes(before: ProviderKey, changes: ProviderKeyChanges): InvalidPart[] {
  const after = changeAddress(before, changes)
  const mistakes = findAddressMistakes(after)
  if (mistakes.length > 0) return mistakes
  if (changes.apiKey !== undefined) return findSecretMistakes(after, changes.apiKey)
  // Whoever may edit a key must not learn it by having it sent to a server of their own.
  const movesSecret = before.api !== after.api || originOf(before) !== originOf(after)
  return movesSecret ? [mistake('/apiKey', 'is required when the key is to be sent to another server', 'required')] : []
}

/** Where the key is sent after a change. */
export function changeAddress(before: ProviderAddress, changes: ProviderKeyChanges): ProviderAddress {
  return normalizeAddress({
    api: changes.api ?? before.api,
    baseUrl: changes.baseUrl === undefined ? before.baseUrl : changes.baseUrl,
  })
}

function originOf({ baseUrl }: ProviderAddress): string | null {
  return baseUrl === null ? null : new URL(baseUrl).origin
}

function mistake(pointer: string, message: string, code: string): InvalidPart {
  return { pointer, message, code }
}
