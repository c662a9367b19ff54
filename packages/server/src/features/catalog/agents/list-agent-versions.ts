import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { uuidCursor } from '../../../platform/lists/cursor.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from './agent-store.ts'
import { loadAgentVersions } from './agent-version.ts'
import { AgentVersionListItemWire, toAgentVersionListItemWire } from './agent-wire.ts'

export const listAgentVersions = endpoint({
  route: 'GET /api/agents/:agentId/versions',
  summary: "List an agent's versions",
  description: "Newest first, without the versions' prompts and schemas.",
  caller: 'application',
  permission: 'agents:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { agentId: { text: '`agent_…` or `@scope/name`.' } },
  query: pageQuery,
  returns: { 200: pageOf(AgentVersionListItemWire) },
  fails: ['agent-not-found'],
  async handle({ params, query, scope, db }) {
    const page = parsePage(query, uuidCursor)
    const agent = foundOr(await findAgent(db, scope, params.agentId), 'agent-not-found')
    return ok(toPageWire(await loadAgentVersions(db, agent, page), page, toAgentVersionListItemWire))
  },
})
