import { endpoint } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from '../../catalog/agents/index.ts'
import { openLiveStream, seeEvents, streamQuery, StreamWire } from './open-stream.ts'

export const streamAgentRuns = endpoint({
  route: 'GET /api/realtime/agents/:agentId/runs',
  summary: "Follow an agent's runs",
  description:
    "Streams the events of the agent's runs, from now on or after the event named by `Last-Event-ID` or `after`. " +
    seeEvents,
  caller: 'stream',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { agentId: { text: 'The id (`agent_…`) or the name (`@scope/name`) of the agent.' } },
  query: streamQuery,
  returns: { 200: StreamWire },
  streams: 'text/event-stream',
  fails: ['agent-not-found', 'too-many-streams'],
  async handle(call) {
    const { db, scope, params } = call
    const agent = foundOr(await findAgent(db, scope, params.agentId), 'agent-not-found')
    return openLiveStream(call, {
      kind: 'agent',
      agentId: agent.id,
      organizationId: scope.organizationId,
      applicationId: scope.applicationId,
    })
  },
})
