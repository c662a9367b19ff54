import type { Db } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { getAgent } from '../../catalog/agents/index.ts'

/** Resolves an agent reference of a body to the stored id; empty if the body has none. Throws agent-not-found. */
export async function agentIdOf(
  db: Db,
  scope: AppScope,
  reference: string | null | undefined,
): Promise<{ agentId?: string | null }> {
  if (reference === undefined || reference === null) return reference === null ? { agentId: null } : {}
  const { id } = await getAgent(db, scope, reference)
  return { agentId: id }
}
