import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { findDeletionBlock, lockAgent, removeInstallation } from './agent-store.ts'

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
  async handle({ params, scope, change, platform }) {
    await change(
      async (tx) => {
        const agent = foundOr(await lockAgent(tx, scope, params.agentId), 'agent-not-found')
        const block = await findDeletionBlock(tx, platform.hooks, agent)
        if (block !== undefined) throw problem('agent-in-use', { detail: block.detail })
        await removeInstallation(tx, scope, agent)
        return agent
      },
      (agent) => toWireId('agent', agent.id),
    )
    return noContent()
  },
})
