import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import type { Tx } from '../../../platform/db/database.ts'
import { endpoint, largeBodyBytes, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { schemaChecks } from '../../../platform/json-schema/schema-checks.ts'
import { loadVersionNumbers, nextVersion } from '../packages/index.ts'
import { contentOf, isSameContent, writeManifest, type AgentContent } from './agent-manifest.ts'
import { lockAgent, saveInstallation } from './agent-store.ts'
import { getPackageVersion, insertAgentVersion } from './agent-version.ts'
import { AgentWire, contentRequestFields, modelIdRequestField, toAgentWire } from './agent-wire.ts'
import { findContentMistakes, type AgentVersion, type InstalledAgent } from './agent.ts'
import { holdModelOf } from './hold-model-of.ts'

export const updateAgent = endpoint({
  route: 'PATCH /api/agents/:agentId',
  summary: 'Change an agent',
  description:
    'Changed content becomes a new version: `version` if given, else one patch above the highest. ' +
    'Unchanged content creates no version. `modelId` and `enabled` belong to the installation, not to a version.',
  caller: 'application',
  permission: 'agents:write',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'agent.updated',
  params: { agentId: { text: '`agent_…` or `@scope/name`.' } },
  body: Type.Partial(
    Type.Object({
      ...contentRequestFields,
      modelId: modelIdRequestField,
      enabled: Type.Boolean({ description: 'No run can start with a disabled agent.' }),
    }),
  ),
  bodyBytesMax: largeBodyBytes,
  returns: { 200: AgentWire },
  fails: ['agent-not-found', 'model-not-found', 'version-not-higher'],
  async handle({ params, body, scope, caller, change, platform }) {
    refuseInvalid(await findContentMistakes({ checks: platform.use(schemaChecks), ...scope }, body))
    const { version: number, prompt, modelId: modelWireId, enabled, ...content } = body
    const { after } = await change(
      async (tx) => {
        const modelId = await holdModelOf(tx, scope, modelWireId)
        const agent = foundOr(await lockAgent(tx, scope, params.agentId), 'agent-not-found')
        const before = { agent, version: await getPackageVersion(tx, agent.organizationId, agent.versionId) }
        const version = await publishChanges(tx, before, { content, prompt, number, createdBy: caller.userId })
        const changes = {
          versionId: version.id,
          ...(modelId === undefined ? {} : { modelId }),
          ...(enabled === undefined ? {} : { enabled }),
        }
        return { before, after: { agent: await saveInstallation(tx, agent, changes), version } }
      },
      ({ before, after }) => ({
        resourceId: toWireId('agent', after.agent.id),
        changes: changesBetween(toAgentWire(before), toAgentWire(after)),
      }),
    )
    return ok(toAgentWire(after))
  },
})

interface ContentChanges {
  readonly content: Partial<AgentContent>
  readonly prompt: string | undefined
  readonly number: string | undefined
  readonly createdBy: string
}

/** The version with the changes: a new one, or the installed one if nothing changed. Throws version-not-higher. */
async function publishChanges(
  tx: Tx,
  { agent, version }: InstalledAgent,
  changes: ContentChanges,
): Promise<AgentVersion> {
  const before = contentOf(version.manifest)
  const after = { ...before, ...changes.content }
  const prompt = changes.prompt ?? version.prompt
  const manifest = writeManifest(after, { name: agent.name, version: version.version }, version.manifest)
  if (prompt === version.prompt && isSameContent(before, contentOf(manifest))) return version
  const number = nextVersion(await loadVersionNumbers(tx, agent, agent.packageId), changes.number)
  return insertAgentVersion(tx, agent, {
    packageId: agent.packageId,
    manifest: { ...manifest, version: number },
    prompt,
    createdBy: changes.createdBy,
  })
}
