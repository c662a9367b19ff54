import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Platform } from '../../../platform/platform.ts'
import { findSealedKey } from './provider-key-store.ts'
import type { ProviderAddress } from './provider-key.ts'

/** A provider key with its secret, for the duration of a call. */
export interface UnsealedProviderKey extends ProviderAddress {
  readonly apiKey: string
}

/** Seals the secret of a key for its row. */
export function sealSecret({ keyRing }: Pick<Platform, 'keyRing'>, id: string, apiKey: string): string {
  return keyRing.seal(apiKey, contextOf(id))
}

/** The key with its secret, or undefined when it was deleted. Throws SealBroken when it cannot be decrypted. */
export async function unsealProviderKey(
  { db, keyRing }: Pick<Platform, 'db' | 'keyRing'>,
  scope: OrgScope,
  id: string,
): Promise<UnsealedProviderKey | undefined> {
  const sealed = await findSealedKey(db, scope, id)
  if (sealed === undefined) return undefined
  return { api: sealed.api, baseUrl: sealed.baseUrl, apiKey: keyRing.unseal(sealed.encryptedKey, contextOf(id)) }
}

function contextOf(id: string): string {
  return `provider_keys/${id}`
}
