import type { PermissionRows } from '../access/permissions.ts'
import type { Variables } from '../config/variables.ts'
import type { FeatureHooks } from '../hooks/hooks.ts'
import type { Job } from '../jobs/job.ts'
import type { OutboxReader } from '../outbox/outbox.ts'
import type { ProblemRows } from '../problems/problem.ts'
import type { Meanings } from '../vocabulary/vocabulary.ts'
import type { Endpoint } from './endpoint.ts'

/** The words that a feature declares. The same file registers them for the compiler: see `vocabulary.ts`. */
export interface Words {
  readonly problems?: ProblemRows
  readonly idPrefixes?: Meanings
  readonly wakes?: Meanings
  readonly permissions?: PermissionRows
  readonly variables?: Variables
}

/** One noun of the product. The key of an endpoint is its operation id, and in kebab-case its file's name. */
export interface Feature extends Words, FeatureHooks {
  /** `<tier>/<noun>`: the folder below `features/`. */
  readonly folder: string
  /** The OpenAPI tag. */
  readonly tag: string
  readonly description: string
  readonly endpoints: Readonly<Record<string, Endpoint>>
  /** The tables that only this feature's sources name. `architecture/` checks it. */
  readonly owns?: readonly string[]
  /** By owned table, the other folders that may name it: for a thing that is split between two features. */
  readonly sharedWith?: Readonly<Record<string, readonly string[]>>
  /** Its background work, run by every worker process. */
  readonly jobs?: readonly Job[]
  /** Reads the events of the outbox. */
  readonly reader?: OutboxReader
}

export function feature(declaration: Feature): Feature {
  return declaration
}

/** `cancelRun` → `cancel-run`. */
export function kebabCase(operationId: string): string {
  return operationId.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** The path of an operation's source file, from the repository's root. */
export function sourceOf(feature: Feature, operationId: string): string {
  return `packages/server/src/features/${feature.folder}/${kebabCase(operationId)}.ts`
}
