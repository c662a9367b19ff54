import semver from 'semver'
import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import type { JsonSchema } from '../../../platform/json-schema/json-schema.ts'
import type { AgentManifest } from './agent-manifest.ts'
import { findSchemaMistakes } from './io-schema.ts'

/** An agent package installed in an application. `id` is the installation's. */
export interface Agent {
  readonly id: string
  readonly organizationId: string
  readonly applicationId: string
  readonly packageId: string
  /** `@scope/name`. */
  readonly name: string
  /** The installed version. */
  readonly versionId: string
  readonly version: string
  /** The agent's own model; null means the organization's default. */
  readonly modelId: string | null
  readonly enabled: boolean
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** One immutable version of an agent package. */
export interface AgentVersion {
  readonly id: string
  readonly version: string
  readonly manifest: AgentManifest
  readonly prompt: string
  readonly createdAt: Date
}

export interface InstalledAgent {
  readonly agent: Agent
  readonly version: AgentVersion
}

export type AgentReference = { readonly id: string } | { readonly scope: string; readonly name: string }

const promptBytesMax = 200_000
const versionPartMax = 999_999_999

/** Parses a reference to an agent, `agent_…` or `@scope/name`; undefined when the text is neither. */
export function parseAgentReference(text: string): AgentReference | undefined {
  const id = parseWireId('agent', text)
  if (id !== undefined) return { id }
  const [, scope, name] = /^@([a-z0-9-]{1,100})\/([a-z0-9-]{1,64})$/.exec(text) ?? []
  return scope === undefined || name === undefined ? undefined : { scope, name }
}

/** The parts of a request with rules that its schema cannot express. */
export interface CheckedContent {
  readonly prompt?: string
  readonly input?: JsonSchema | null
  readonly output?: JsonSchema | null
  readonly version?: string
}

/** The mistakes in the content; empty when it can become a version. */
export function findContentMistakes({ prompt, input, output, version }: CheckedContent): InvalidPart[] {
  const isTooLong = prompt !== undefined && Buffer.byteLength(prompt) > promptBytesMax
  return [
    ...(isTooLong
      ? [{ pointer: '/prompt', message: `must not be larger than ${promptBytesMax} bytes`, code: 'maxBytes' }]
      : []),
    ...(input === undefined || input === null ? [] : findSchemaMistakes(input, '/input')),
    ...(output === undefined || output === null ? [] : findSchemaMistakes(output, '/output')),
    ...(version === undefined || isVersion(version)
      ? []
      : [{ pointer: '/version', message: 'must be a semantic version such as 1.2.0', code: 'semver' }]),
  ]
}

/** Number of the next version: the given one, else one patch above the highest. Throws version-not-higher. */
export function nextVersion(existing: readonly string[], given: string | undefined): string {
  const [highest] = semver.rsort([...existing])
  if (highest === undefined) throw new Error('The package has no version.')
  if (given === undefined) return bump(highest)
  if (semver.gt(given, highest)) return given
  throw problem('version-not-higher', {
    detail: `The version must be higher than ${highest}, the highest existing version.`,
  })
}

/** True for an exact semantic version, without a `v` and without a range. */
export function isVersion(text: string): boolean {
  const parsed = semver.parse(text)
  if (parsed === null) return false
  const build = parsed.build.length === 0 ? '' : `+${parsed.build.join('.')}`
  return (
    text === `${parsed.version}${build}` &&
    [parsed.major, parsed.minor, parsed.patch].every((part) => part <= versionPartMax)
  )
}

function bump(version: string): string {
  const next = semver.inc(version, 'patch')
  if (next === null) throw new Error(`${version} is not a semantic version.`)
  return next
}
