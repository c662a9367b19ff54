import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { modelApis } from '../model-target.ts'

const Answer = Type.Object({
  outcome: Type.Literal('answer'),
  text: Type.String(),
  calls: Type.Array(Type.Object({ name: Type.String(), arguments: Type.Unknown() })),
  finishReason: Type.String(),
  usage: Type.Union([Type.Record(Type.String(), Type.Number()), Type.Null()]),
  reasoning: Type.Optional(Type.String()),
})
const Failure = Type.Object({
  outcome: Type.Literal('failure'),
  kind: Type.Optional(Type.String()),
  said: Type.String(),
  retryable: Type.Optional(Type.Boolean()),
  retryAfterMs: Type.Optional(Type.Number()),
})
const Recording = Type.Object({
  name: Type.String(),
  protocol: Type.Union(modelApis.map((api) => Type.Literal(api))),
  status: Type.Integer(),
  headers: Type.Record(Type.String(), Type.String()),
  body: Type.String(),
  expectation: Type.Union([Answer, Failure]),
})
const Index = Compile(Type.Object({ recordings: Type.Array(Recording) }))

export type ExpectedFailure = Static<typeof Failure>
export type Recording = Static<typeof Recording>

/** The folder of recorded replies: of the variable MODEL_RECORDINGS, else beside the checkout. */
const folder = process.env['MODEL_RECORDINGS'] ?? '../shared/fixtures/model-streams'

/** The recorded replies of model servers; none where there is no such folder. Throws when the index is not valid. */
export function readRecordings(): readonly Recording[] {
  const path = join(folder, 'index.json')
  if (!existsSync(path)) return []
  const index: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (Index.Check(index)) return index.recordings
  throw new Error(`The index of the recordings is not valid: ${JSON.stringify(Index.Errors(index).slice(0, 3))}`)
}

/** The body of a recording, byte for byte. */
export function bodyOf(recording: Recording): Buffer {
  return readFileSync(join(folder, recording.body))
}
