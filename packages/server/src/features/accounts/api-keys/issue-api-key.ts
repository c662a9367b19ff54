import type { Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { hashKey, newSecret, prefixOf, type ApiKey } from './api-key.ts'
import { insertApiKey, type NewApiKey } from './api-key-store.ts'

export interface IssuedApiKey {
  readonly apiKey: ApiKey
  /** The secret. It cannot be retrieved later: only its hash is stored. */
  readonly key: string
}

/** Creates an API key. Does not check the scopes: the caller has done so. */
export async function issueApiKey(
  tx: Tx,
  scope: AppScope,
  request: Omit<NewApiKey, 'keyHash' | 'keyPrefix' | 'limits'> & Partial<Pick<NewApiKey, 'limits'>>,
): Promise<IssuedApiKey> {
  const key = newSecret()
  const apiKey = await insertApiKey(tx, scope, {
    limits: {},
    ...request,
    keyHash: hashKey(key),
    keyPrefix: prefixOf(key),
  })
  return { apiKey, key }
}
