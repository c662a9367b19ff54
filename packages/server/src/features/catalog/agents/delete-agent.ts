import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { holdsUnfinishedRuns, lockAgent, removeInstallation } from './agent-store.ts'

export const deleteAgent = endpoint({
  route: 'DELETE /api/agents/:agentId',
  summary: 'Delete an agent',
  description:
    'The runs of the agent are kept. Its name becomes available again when no other application has it installed.',
  caller: 'application',
  permission: 'agents:delete',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'agent.deleted',
  params: { agentId: { text: '`agent_…` or `@scope/name`.' } },
  returns: { 204: Nothing },
  fails: ['agent-not-found', 'agent-in-use'],
  async handle({ params, scope, change }) {
    await change(
      async (tx) => {
        const agent = await lockAgent(tx, scope, params.agentId)
        if (await holdsUnfinishedRuns(tx, scope, agent))
          throw problem('agent-in-use', {
            detail: 'The agent has runs that have not ended: cancel them or wait until they end.',
          })
        await removeInstallation(tx, scope, agent)
        return agent
      },
      (agent) => toWireId('agent', agent.id),
    )
    return noContent()
  },
})
