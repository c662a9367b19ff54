import type { AddressPolicy } from '../../../platform/egress/address-policy.ts'
import { hostMistake, isCallableHost } from '../../../platform/egress/egress-url.ts'
import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { findBaseUrlMistake } from './base-url.ts'

/** The protocols that a provider key can be used with. */
export const providerApis = ['openai-compatible', 'openai', 'anthropic', 'google', 'mistral'] as const
export type ProviderApi = (typeof providerApis)[number]

/** Where a key is sent. */
export interface ProviderAddress {
  readonly api: ProviderApi
  /** Null: the provider's own address. */
  readonly baseUrl: string | null
}

/** A key of a model provider, without its secret. */
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

/** The address as it is stored: without trailing slashes. */
export function normalizeAddress({ api, baseUrl }: { api: ProviderApi; baseUrl?: string | null }): ProviderAddress {
  return { api, baseUrl: baseUrl?.replace(/\/+$/, '') ?? null }
}

/** The mistakes in a new key; empty when it can be stored. */
export function findNewKeyMistakes(address: ProviderAddress, apiKey: string, policy: AddressPolicy): InvalidPart[] {
  return [...findAddressMistakes(address, policy), ...findSecretMistakes(address, apiKey)]
}

// Local servers often need no key.
function findSecretMistakes({ api }: ProviderAddress, apiKey: string): InvalidPart[] {
  return apiKey === '' && api !== 'openai-compatible' ? [mistake('/apiKey', `is required for ${api}`, 'required')] : []
}

function findAddressMistakes({ api, baseUrl }: ProviderAddress, policy: AddressPolicy): InvalidPart[] {
  if (baseUrl === null)
    return api === 'openai-compatible' ? [mistake('/baseUrl', 'is required for openai-compatible', 'required')] : []
  const wrong = findBaseUrlMistake(baseUrl)
  if (wrong !== undefined) return [mistake('/baseUrl', wrong, 'format')]
  return isCallableHost(new URL(baseUrl), policy) ? [] : [mistake('/baseUrl', hostMistake, 'address')]
}

/** The mistakes in a change; empty when it can be made. */
export function findChangeMistakes(
  before: ProviderKey,
  changes: ProviderKeyChanges,
  policy: AddressPolicy,
): InvalidPart[] {
  const after = changeAddress(before, changes)
  const mistakes = findAddressMistakes(after, policy)
  if (mistakes.length > 0) return mistakes
  if (changes.apiKey !== undefined) return findSecretMistakes(after, changes.apiKey)
  // Otherwise an editor could obtain the secret by pointing the key at their own server.
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
