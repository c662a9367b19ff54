import { isDeepStrictEqual } from 'node:util'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { JsonSchema } from '../../../platform/json-schema/json-schema.ts'
import { builtinTools, packageOf, type BuiltinTool } from './builtin-tool.ts'

/** Seconds that a run may take when its manifest has no timeout. */
export const timeoutSecondsDefault = 300

const Ranges = Type.Record(Type.String(), Type.String())
const Described = Type.Object({ schema: Type.Record(Type.String(), Type.Unknown()) })

/** The manifest of an agent package (AFPS 1.x). Unknown fields are allowed and kept. */
const StoredManifest = Type.Object({
  name: Type.String(),
  version: Type.String(),
  type: Type.Literal('agent'),
  schemaVersion: Type.String(),
  displayName: Type.String(),
  description: Type.Optional(Type.String()),
  dependencies: Type.Optional(Type.Object({ tools: Type.Optional(Ranges) })),
  input: Type.Optional(Described),
  output: Type.Optional(Described),
  /** Seconds. */
  timeout: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
})
type StoredManifest = Static<typeof StoredManifest>

const validator = Compile(StoredManifest)

/** A manifest with its timeout (seconds) filled in. */
export type AgentManifest = StoredManifest & { readonly timeout: number }

/** The content of an agent that people edit, except its prompt. */
export interface AgentContent {
  readonly displayName: string
  readonly description: string | null
  readonly tools: readonly BuiltinTool[]
  /** JSON Schema of the input, null when any input is accepted. */
  readonly input: JsonSchema | null
  readonly output: JsonSchema | null
  readonly timeoutSeconds: number
}

/** A stored manifest is not a valid agent manifest. */
export class ManifestBroken extends Error {
  override readonly name = 'ManifestBroken'
}

/** Throws ManifestBroken. */
export function parseManifest(value: unknown): AgentManifest {
  if (!validator.Check(value)) {
    const [first] = validator.Errors(value)
    throw new ManifestBroken(
      `The manifest is not an agent manifest: ${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}.`,
    )
  }
  return { ...value, timeout: value.timeout ?? timeoutSecondsDefault }
}

/** The content of a manifest. */
export function contentOf(manifest: AgentManifest): AgentContent {
  return {
    displayName: manifest.displayName,
    description: manifest.description ?? null,
    tools: toolsOf(manifest),
    input: manifest.input?.schema ?? null,
    output: manifest.output?.schema ?? null,
    timeoutSeconds: manifest.timeout,
  }
}

/** The built-in tools that a manifest requires. */
export function toolsOf(manifest: AgentManifest): BuiltinTool[] {
  return toolsIn(manifest.dependencies?.tools)
}

/** The built-in tools among a manifest's tool dependencies. */
export function toolsIn(dependencies: unknown): BuiltinTool[] {
  const names = new Set(typeof dependencies === 'object' && dependencies !== null ? Object.keys(dependencies) : [])
  return builtinTools.filter((tool) => names.has(packageOf(tool)))
}

/** The manifest with this content, name and version; fields that the content does not have are kept from `before`. */
export function writeManifest(
  content: AgentContent,
  identity: { name: string; version: string },
  before?: AgentManifest,
): AgentManifest {
  const { description: _description, input, output, ...kept } = before ?? { schemaVersion: '1.0' }
  return {
    ...kept,
    ...identity,
    type: 'agent',
    displayName: content.displayName,
    ...(content.description === null ? {} : { description: content.description }),
    dependencies: { ...before?.dependencies, tools: writeTools(content.tools, before?.dependencies?.tools ?? {}) },
    ...(content.input === null ? {} : { input: { ...input, schema: { ...content.input } } }),
    ...(content.output === null ? {} : { output: { ...output, schema: { ...content.output } } }),
    timeout: content.timeoutSeconds,
  }
}

/** True when both describe the agent in the same way. */
export function isSameContent(a: AgentContent, b: AgentContent): boolean {
  return isDeepStrictEqual(a, b)
}

function writeTools(tools: readonly BuiltinTool[], before: Readonly<Record<string, string>>): Record<string, string> {
  const builtin = new Set(builtinTools.map(packageOf))
  const others = Object.entries(before).filter(([name]) => !builtin.has(name))
  const chosen = builtinTools.filter((tool) => tools.includes(tool)).map(packageOf)
  return { ...Object.fromEntries(others), ...Object.fromEntries(chosen.map((name) => [name, before[name] ?? '*'])) }
}
