import type { Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import { holdProviderKey, type ProviderKey } from '../provider-keys/index.ts'

/** The provider key named in a body, protected from deletion in this transaction. Throws provider-key-not-found. */
export async function holdKeyOf(tx: Tx, scope: OrgScope, wireId: string): Promise<ProviderKey> {
  const id = parseWireId('mkey', wireId)
  const key = id === undefined ? undefined : await holdProviderKey(tx, scope, id)
  return foundOr(key, 'provider-key-not-found', { detail: 'providerKeyId is not a provider key of this organization.' })
}
