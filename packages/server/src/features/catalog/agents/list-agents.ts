import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { loadAgents } from './agent-store.ts'
import { AgentListItemWire, toAgentListItemWire } from './agent-wire.ts'

export const listAgents = endpoint({
  route: 'GET /api/agents',
  summary: 'List agents',
  description: "Newest first, without the agents' prompts and schemas.",
  caller: 'application',
  permission: 'agents:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(AgentListItemWire) },
  fails: [],
  async handle({ query, scope, db }) {
    const page = parsePage(query, idCursor('agent'))
    return ok(toPageWire(await loadAgents(db, scope, page), page, toAgentListItemWire))
  },
})
