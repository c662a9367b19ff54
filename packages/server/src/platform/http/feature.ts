import type { Endpoint } from './endpoint.ts'

/** One noun of the product. The key of an endpoint is its operation id, and in kebab-case its file's name. */
export interface Feature {
  /** `<tier>/<noun>`: the folder below `features/`. */
  readonly folder: string
  /** The OpenAPI tag. */
  readonly tag: string
  readonly description: string
  readonly endpoints: Readonly<Record<string, Endpoint>>
}

export function feature(declaration: Feature): Feature {
  return declaration
}

/** `cancelRun` → `cancel-run`. */
export function kebabCase(operationId: string): string {
  return operationId.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Where an operation lives, from the repository's root. */
export function sourceOf(feature: Feature, operationId: string): string {
  return `packages/server/src/features/${feature.folder}/${kebabCase(operationId)}.ts`
}
