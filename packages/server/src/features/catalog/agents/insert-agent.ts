import type { Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { insertPackage } from '../packages/index.ts'
import { timeoutSecondsDefault, writeManifest, type AgentContent } from './agent-manifest.ts'
import { insertInstallation } from './agent-store.ts'
import { insertAgentVersion } from './agent-version.ts'
import { agentType, type InstalledAgent } from './agent.ts'
import { builtinTools } from './builtin-tool.ts'

/** A new agent. Defaults: all built-in tools, any input and output, the default model, 300 s, version 1.0.0. */
export interface NewAgent extends Partial<Omit<AgentContent, 'displayName'>> {
  /** The package's name, without its scope. */
  readonly name: string
  readonly displayName: string
  readonly prompt: string
  /** A stored UUID. */
  readonly modelId?: string | null
  readonly version?: string
  /** `usr_…`. */
  readonly createdBy: string | null
}

/** Creates an agent package with its first version and installs it in the application. Throws agent-name-taken. */
export async function insertAgent(tx: Tx, scope: AppScope, agent: NewAgent): Promise<InstalledAgent> {
  const { prompt, createdBy, version: number = '1.0.0' } = agent
  const made = await insertPackage(tx, scope, { type: agentType, name: agent.name, createdBy })
  if ('taken' in made)
    throw problem('agent-name-taken', {
      detail: `The organization already has a package ${made.taken}: choose another name.`,
    })
  const content: AgentContent = {
    displayName: agent.displayName,
    description: agent.description ?? null,
    tools: agent.tools ?? builtinTools,
    input: agent.input ?? null,
    output: agent.output ?? null,
    timeoutSeconds: agent.timeoutSeconds ?? timeoutSecondsDefault,
  }
  const manifest = writeManifest(content, { name: made.name, version: number })
  const version = await insertAgentVersion(tx, scope, { packageId: made.id, manifest, prompt, createdBy })
  const installation = { id: newUuid(), packageId: made.id, versionId: version.id, modelId: agent.modelId ?? null }
  return { agent: await insertInstallation(tx, scope, installation), version }
}
