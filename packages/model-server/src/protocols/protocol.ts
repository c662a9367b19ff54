import type { TSchema, Static } from 'typebox'
import type { Validator } from 'typebox/compile'
import { Type } from 'typebox'
import type { Answer } from '../answer.ts'
import type { Message } from '../conversation.ts'

/** A request, the same for every protocol. */
export interface ModelRequest {
  readonly modelId: string
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly messages: readonly Message[]
}

export interface ProblemText {
  readonly status: number
  readonly message: string
  readonly code: string | undefined
}

/** One provider's wire format of requests, answers and errors. */
export interface Protocol {
  readonly name: 'openai' | 'anthropic' | 'google'
  /** Parses a request body. Throws InvalidRequest. */
  parse(body: unknown, inPath: { readonly modelId: string; readonly stream: boolean }): ModelRequest
  /** The server-sent events of an answer. */
  events(answer: Answer, request: ModelRequest): Iterable<string>
  /** The body of an answer that is not streamed. */
  whole(answer: Answer): object
  problem(problem: ProblemText): object
  models(names: readonly string[]): object
}

/** The request body violates the protocol; the message lists the mistakes. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
}

const mistakesMax = 5

/** Checks a body against a schema. Throws InvalidRequest with the first mistakes. */
export function parseBody<T extends TSchema>(validator: Validator<Record<never, never>, T>, body: unknown): Static<T> {
  if (validator.Check(body)) return body
  const mistakes = validator.Errors(body).slice(0, mistakesMax)
  throw new InvalidRequest(mistakes.map((error) => `${error.instancePath || 'body'} ${error.message}`).join('; '))
}

/** One server-sent event. */
export function sse(data: object, event?: string): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`
}

/** Message content: a text, or parts of which only the texts are used. */
export const Content = Type.Union([
  Type.String(),
  Type.Array(Type.Object({ type: Type.String(), text: Type.Optional(Type.String()) })),
  Type.Null(),
])

/** The text of a message's content. */
export function contentText(content: Static<typeof Content> | undefined): string {
  if (typeof content === 'string') return content
  return (content ?? []).map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('')
}
