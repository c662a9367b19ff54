import { endpoint } from '../../../platform/http/endpoint.ts'
import { answerRun } from './answer-run.ts'
import { createRun, tooManyRuns } from './create-run.ts'
import { RunRequest, runBodyBytesMax } from './run-request.ts'
import { RunWire } from './run-wire.ts'

export const runAgent = endpoint({
  route: 'POST /api/agents/:agentId/run',
  summary: 'Start a run of this agent',
  description: 'The same as `POST /api/runs`, with the agent in the path.',
  caller: 'application',
  permission: 'agents:run',
  forEndUsers: true,
  limit: 'runs',
  idempotency: 'supported',
  secretReply: true,
  audit: 'run.created',
  params: { agentId: { text: '`agent_…` or `@scope/name`' } },
  body: RunRequest,
  bodyKind: 'optional-json',
  bodyBytesMax: runBodyBytesMax,
  returns: { 200: RunWire, 202: RunWire },
  fails: ['agent-not-found', 'agent-version-not-found', 'run-not-ready', ...tooManyRuns],
  handle: async (call) => answerRun(call, await createRun(call, call.params.agentId, call.body)),
})
