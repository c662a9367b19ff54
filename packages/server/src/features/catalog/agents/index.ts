import { rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { agentsOf, isAgentKept } from './agent-store.ts'
import { createAgent } from './create-agent.ts'
import { deleteAgent } from './delete-agent.ts'
import { getAgentVersion } from './get-agent-version.ts'
import { getAgent } from './get-agent.ts'
import { listAgentVersions } from './list-agent-versions.ts'
import { listAgents } from './list-agents.ts'
import { updateAgent } from './update-agent.ts'

const problems = {
  'agent-not-found': { status: 404, title: 'Agent Not Found' },
  'agent-version-not-found': { status: 404, title: 'Agent Version Not Found' },
  'agent-name-taken': { status: 409, title: 'Agent Name Taken' },
  'agent-in-use': { status: 409, title: 'Agent In Use' },
  'version-not-higher': { status: 409, title: 'Version Not Higher' },
} as const
const idPrefixes = { agent: 'An agent.' } as const
const permissions = {
  agents: rights({
    owner: ['read', 'write', 'configure', 'delete', 'run'],
    member: ['read', 'run'],
    viewer: ['read'],
    grantable: true,
  }),
}

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
}

export const agentsFeature = feature({
  folder: 'catalog/agents',
  tag: 'Agents',
  description: 'Agents that can run: a prompt, its tools, and schemas of its input and output, in immutable versions.',
  problems,
  idPrefixes,
  permissions,
  contents: { application: { agents: { rows: agentsOf } } },
  isKept: { agent: isAgentKept },
  endpoints: {
    createAgent,
    listAgents,
    getAgent,
    updateAgent,
    deleteAgent,
    listAgentVersions,
    getAgentVersion,
  },
})

export { toolsOf } from './agent-manifest.ts'
export { agentNames, findAgent } from './agent-store.ts'
export { findInstalledAgent, getInstalledAgent, getPackageVersion } from './agent-version.ts'
export type { Agent, AgentVersion } from './agent.ts'
export { insertAgent } from './insert-agent.ts'
