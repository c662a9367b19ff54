import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from './agent-store.ts'
import { getPackageVersion } from './agent-version.ts'
import { AgentWire, toAgentWire } from './agent-wire.ts'

export const getAgent = endpoint({
  route: 'GET /api/agents/:agentId',
  summary: 'Get an agent',
  caller: 'application',
  permission: 'agents:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { agentId: { text: '`agent_…` or `@scope/name`.' } },
  returns: { 200: AgentWire },
  fails: ['agent-not-found'],
  async handle({ params, scope, db }) {
    const agent = foundOr(await findAgent(db, scope, params.agentId), 'agent-not-found')
    return ok(toAgentWire({ agent, version: await getPackageVersion(db, agent.organizationId, agent.versionId) }))
  },
})
