import type { Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import { holdModel } from '../models/index.ts'

/** Stored id of the model named in a body, protected from deletion in this transaction. Throws model-not-found. */
export async function holdModelOf(
  tx: Tx,
  scope: OrgScope,
  wireId: string | null | undefined,
): Promise<string | null | undefined> {
  if (wireId === null || wireId === undefined) return wireId
  const id = parseWireId('model', wireId)
  if (id === undefined) throw problem('model-not-found')
  await holdModel(tx, scope, id)
  return id
}
