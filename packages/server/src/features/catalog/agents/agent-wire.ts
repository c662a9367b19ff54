import { Type, type Static } from 'typebox'
import {
  JsonObject,
  Nullable,
  OneOf,
  toWireTime,
  wire,
  WireId,
  WireTime,
  NameText,
  PlainText,
} from '../../../platform/http/wire.ts'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import type { PackageVersionSummary } from '../packages/index.ts'
import { contentOf, timeoutSecondsDefault, toolsIn } from './agent-manifest.ts'
import type { AgentSummary } from './agent-store.ts'
import type { AgentVersion, InstalledAgent } from './agent.ts'
import { builtinTools } from './builtin-tool.ts'

const schemaField = (description: string) => Nullable({ ...JsonObject, description })
const Tools = Type.Array(OneOf(builtinTools))

const listedFields = {
  id: WireId('agent'),
  name: Type.String({ description: 'Name of the agent as `@scope/name`; accepted in place of the id.' }),
  displayName: Type.String(),
  description: Nullable(Type.String()),
  version: Type.String({ description: 'The installed version, which runs use by default.' }),
  tools: Tools,
  modelId: Nullable(WireId('model', "The agent's model; null means the organization's default model.")),
  timeoutSeconds: Type.Number(),
  enabled: Type.Boolean(),
  createdAt: WireTime,
  updatedAt: WireTime,
}

const contentFields = {
  prompt: Type.String(),
  input: schemaField('JSON Schema of the input; null when any input is accepted.'),
  output: schemaField('JSON Schema of the output; null when any output is accepted.'),
}

export const AgentListItemWire = wire('AgentListItem', listedFields)
export const AgentWire = wire('Agent', { ...listedFields, ...contentFields })

const listedVersionFields = {
  version: Type.String(),
  displayName: Type.String(),
  tools: Tools,
  timeoutSeconds: Type.Number(),
  createdAt: WireTime,
}

export const AgentVersionListItemWire = wire('AgentVersionListItem', listedVersionFields)
export const AgentVersionWire = wire('AgentVersion', { ...listedVersionFields, ...contentFields })

/** The fields of an agent's content in requests. */
export const contentRequestFields = {
  displayName: NameText(120),
  description: Nullable(PlainText(2000)),
  prompt: Type.String({
    minLength: 1,
    maxLength: 200_000,
    pattern: '\\S',
    description: 'The instructions of the agent, at most 200,000 bytes.',
  }),
  tools: Type.Array(OneOf(builtinTools), {
    uniqueItems: true,
    maxItems: builtinTools.length,
    description: 'The built-in tools that the agent may use.',
  }),
  input: schemaField(
    'JSON Schema that inputs must match (2020-12, `type: "object"`, at most 64 kB, only local references).',
  ),
  output: schemaField('JSON Schema that the output must match; the same rules as for `input`.'),
  timeoutSeconds: Type.Integer({ minimum: 1, maximum: 3600, description: 'Maximum duration of a run, in seconds.' }),
  version: Type.String({
    minLength: 5,
    maxLength: 64,
    description: 'A semantic version such as `1.2.0`.',
    examples: ['1.0.0'],
  }),
}
export const modelIdRequestField = Nullable(
  WireId('model', "The agent's model; null means the organization's default model."),
)

export function toAgentListItemWire(agent: AgentSummary): Static<typeof AgentListItemWire> {
  return {
    id: toWireId('agent', agent.id),
    name: `@${agent.scope}/${agent.name}`,
    displayName: agent.displayName ?? '',
    description: agent.description,
    version: agent.version,
    tools: toolsIn(agent.tools),
    modelId: toWireIdOrNull('model', agent.modelId),
    timeoutSeconds: agent.timeoutSeconds ?? timeoutSecondsDefault,
    enabled: agent.enabled,
    createdAt: toWireTime(agent.createdAt),
    updatedAt: toWireTime(agent.updatedAt),
  }
}

export function toAgentWire({ agent, version }: InstalledAgent): Static<typeof AgentWire> {
  const { displayName, description, tools, input, output, timeoutSeconds } = contentOf(version.manifest)
  return {
    id: toWireId('agent', agent.id),
    name: agent.name,
    displayName,
    description,
    version: version.version,
    prompt: version.prompt,
    tools: [...tools],
    input,
    output,
    modelId: toWireIdOrNull('model', agent.modelId),
    timeoutSeconds,
    enabled: agent.enabled,
    createdAt: toWireTime(agent.createdAt),
    updatedAt: toWireTime(agent.updatedAt),
  }
}

export function toAgentVersionListItemWire(version: PackageVersionSummary): Static<typeof AgentVersionListItemWire> {
  return {
    version: version.version,
    displayName: version.displayName ?? '',
    tools: toolsIn(version.tools),
    timeoutSeconds: version.timeoutSeconds ?? timeoutSecondsDefault,
    createdAt: toWireTime(version.createdAt),
  }
}

export function toAgentVersionWire(version: AgentVersion): Static<typeof AgentVersionWire> {
  const { displayName, tools, timeoutSeconds, input, output } = contentOf(version.manifest)
  return {
    version: version.version,
    displayName,
    tools: [...tools],
    timeoutSeconds,
    createdAt: toWireTime(version.createdAt),
    prompt: version.prompt,
    input,
    output,
  }
}
