import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import type { JsonSchema } from '../../../platform/json-schema/json-schema.ts'
import {
  isVersion,
  parsePackageName,
  type Installation,
  type PackageName,
  type PackageVersion,
} from '../packages/index.ts'
import type { AgentManifest } from './agent-manifest.ts'
import { findSchemaMistakes, type SchemaOwner } from './io-schema.ts'

/** An agent package installed in an application. */
export type Agent = Installation

/** One immutable version of an agent package. */
export interface AgentVersion extends PackageVersion {
  readonly manifest: AgentManifest
}

export interface InstalledAgent {
  readonly agent: Agent
  readonly version: AgentVersion
}

export type AgentReference = { readonly id: string } | PackageName

/** The type of the packages that are agents. */
export const agentType = 'agent'

const promptBytesMax = 200_000

/** Parses a reference to an agent, `agent_…` or `@scope/name`; undefined when the text is neither. */
export function parseAgentReference(text: string): AgentReference | undefined {
  const id = parseWireId('agent', text)
  return id === undefined ? parsePackageName(text) : { id }
}

/** The parts of a request with rules that its schema cannot express. */
export interface CheckedContent {
  readonly prompt?: string
  readonly input?: JsonSchema | null
  readonly output?: JsonSchema | null
  readonly version?: string
}

/**
 * The mistakes in the content; empty when it can become a version. Throws `rate-limited` when too many schema checks of
 * the organization wait.
 */
export async function findContentMistakes(
  where: SchemaOwner,
  { prompt, input, output, version }: CheckedContent,
): Promise<InvalidPart[]> {
  const isTooLong = prompt !== undefined && Buffer.byteLength(prompt) > promptBytesMax
  return [
    ...(isTooLong
      ? [{ pointer: '/prompt', message: `must not be larger than ${promptBytesMax} bytes`, code: 'maxBytes' }]
      : []),
    ...(input === undefined || input === null ? [] : await findSchemaMistakes(where, input, '/input')),
    ...(output === undefined || output === null ? [] : await findSchemaMistakes(where, output, '/output')),
    ...(version === undefined || isVersion(version)
      ? []
      : [{ pointer: '/version', message: 'must be a semantic version such as 1.2.0', code: 'semver' }]),
  ]
}
