import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'

/** What the thread is asked: whether a schema can be used, or the mistakes of a value. Both are JSON texts. */
export interface Question {
  readonly schema: string
  readonly value?: string
  /** Where the value is in the request, as a JSON Pointer. */
  readonly pointer: string
}

const Answer = Type.Union([
  Type.Object({ ready: Type.Literal(true) }),
  Type.Object({
    mistakes: Type.Array(Type.Object({ pointer: Type.String(), message: Type.String(), code: Type.String() })),
  }),
  Type.Object({ unusable: Type.String({ description: 'Why the schema cannot be used.' }) }),
  Type.Object({ tooSlow: Type.Literal(true) }),
])

/** What the thread answers; `ready` once, before it takes questions. */
export type Answer = Static<typeof Answer>

const answer = Compile(Answer)

/** Undefined when the message is not an answer. */
export function parseAnswer(message: unknown): Answer | undefined {
  return answer.Check(message) ? message : undefined
}
