import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from './agent-store.ts'
import { findAgentVersion } from './agent-version.ts'
import { AgentVersionWire, toAgentVersionWire } from './agent-wire.ts'

export const getAgentVersion = endpoint({
  route: 'GET /api/agents/:agentId/versions/:version',
  summary: 'Get a version of an agent',
  caller: 'application',
  permission: 'agents:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { agentId: { text: '`agent_…` or `@scope/name`.' }, version: { text: 'An exact version, e.g. `1.0.0`.' } },
  returns: { 200: AgentVersionWire },
  fails: ['agent-not-found', 'agent-version-not-found'],
  async handle({ params, scope, db }) {
    const agent = foundOr(await findAgent(db, scope, params.agentId), 'agent-not-found')
    const version = await findAgentVersion(db, agent, params.version)
    return ok(toAgentVersionWire(foundOr(version, 'agent-version-not-found')))
  },
})
