import type { Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import { holdModel } from '../models/index.ts'

/** Stored id of the model named in a body, protected from deletion in this transaction. Throws model-not-found. */
export async function holdModelOf(
  tx: Tx,
  scope: OrgScope,
  wireId: string | null | undefined,
): Promise<string | null | undefined> {
  if (wireId === null || wireId === undefined) return wireId
  const id = foundOr(parseWireId('model', wireId), 'model-not-found')
  return foundOr(await holdModel(tx, scope, id), 'model-not-found')
}
