import { Type, type Static } from 'typebox'
import { JsonObject, WireId } from '../../../platform/http/wire.ts'

/** An amount of USD above zero. */
export const budgetPattern = '^(?!0+(\\.0+)?$)\\d{1,9}(\\.\\d{1,10})?$'

/** What a run is started with, beside its agent. */
export const runRequestFields = {
  input: Type.Optional(
    Type.Unsafe<Record<string, unknown>>({ ...JsonObject, description: "Checked against the agent's input schema." }),
  ),
  config: Type.Optional(JsonObject),
  modelId: Type.Optional(WireId('model', "Instead of the agent's or the organization's default model.")),
  version: Type.Optional(
    Type.String({
      minLength: 5,
      maxLength: 64,
      description: 'An exact version of the agent; the installed one when absent.',
    }),
  ),
  budget: Type.Optional(
    Type.String({
      pattern: budgetPattern,
      description: 'The run ends after the model call with which it has cost this much, in USD.',
      examples: ['0.50'],
    }),
  ),
  metadata: Type.Optional(JsonObject),
  files: Type.Optional(
    Type.Array(WireId('file'), {
      maxItems: 100,
      uniqueItems: true,
      description: 'Uploads that the sandbox sees under /workspace/input/.',
    }),
  ),
}

export const RunRequest = Type.Object(runRequestFields)
export type RunRequest = Static<typeof RunRequest>

/** Bodies can carry an input of this many bytes. */
export const runBodyBytesMax = 4_194_304
