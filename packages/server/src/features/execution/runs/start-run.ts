import { Type } from 'typebox'
import { endpoint } from '../../../platform/http/endpoint.ts'
import { answerRun } from './answer-run.ts'
import { createRun, tooManyRuns } from './create-run.ts'
import { runBodyBytesMax, runRequestFields } from './run-request.ts'
import { RunWire } from './run-wire.ts'

export const startRun = endpoint({
  route: 'POST /api/runs',
  summary: 'Start a run',
  description:
    'With `Prefer: wait=30` (at most 60 seconds) the reply waits until the run ends (200) or the time is up (202).',
  caller: 'application',
  permission: 'agents:run',
  forEndUsers: true,
  limit: 'runs',
  idempotency: 'supported',
  secretReply: true,
  audit: 'run.created',
  body: Type.Object({
    agentId: Type.String({ minLength: 1, maxLength: 200, description: '`agent_…` or `@scope/name`.' }),
    ...runRequestFields,
  }),
  bodyBytesMax: runBodyBytesMax,
  returns: { 200: RunWire, 202: RunWire },
  fails: ['agent-not-found', 'agent-version-not-found', 'run-not-ready', ...tooManyRuns],
  async handle(call) {
    const { agentId, ...request } = call.body
    return answerRun(call, await createRun(call, agentId, request))
  },
})
