import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { nextMessage, startProgram } from './processes.ts'

export interface Load {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly connections: number
  /** The load ends when either limit is reached. */
  readonly durationMs: number
  readonly requestsMax: number
}

const LoadResult = Type.Object({
  requests: Type.Integer(),
  seconds: Type.Number(),
  latenciesMs: Type.Array(Type.Number()),
})
export type LoadResult = Static<typeof LoadResult>

/** Applies a load from a separate process. Throws when a reply is not a 2xx. */
export async function apply(load: Load): Promise<LoadResult> {
  return Value.Parse(LoadResult, await nextMessage(startProgram('load-generator.ts', load)))
}

export function rateOf({ requests, seconds }: LoadResult): number {
  return requests / seconds
}
