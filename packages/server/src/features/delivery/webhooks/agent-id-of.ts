import type { Db } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { getAgent } from '../../catalog/agents/index.ts'

/** The field of a body that names an agent, with the stored id; nothing when the body does not say. Throws agent-not-found. */
export async function agentIdOf(
  db: Db,
  scope: AppScope,
  reference: string | null | undefined,
): Promise<{ agentId?: string | null }> {
  if (reference === undefined || reference === null) return reference === null ? { agentId: null } : {}
  const { id } = await getAgent(db, scope, reference)
  return { agentId: id }
}
