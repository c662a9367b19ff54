import { Type, type Static } from 'typebox'
import { JsonObject, WireId } from '../../../platform/http/wire.ts'

/** An amount of USD above zero. */
export const budgetPattern = '^(?!0+(\\.0+)?$)\\d{1,9}(\\.\\d{1,10})?$'

/** The fields that start a run, beside its agent. */
export const runRequestFields = {
  input: Type.Optional(
    Type.Unsafe<Record<string, unknown>>({ ...JsonObject, description: "Checked against the agent's input schema." }),
  ),
  config: Type.Optional(JsonObject),
  modelId: Type.Optional(WireId('model', "Replaces the agent's or the organization's default model.")),
  version: Type.Optional(
    Type.String({
      minLength: 5,
      maxLength: 64,
      description: 'An exact version of the agent; defaults to the installed one.',
    }),
  ),
  budget: Type.Optional(
    Type.String({
      pattern: budgetPattern,
      description: 'In USD. The run stops after the model call that reaches this cost.',
      examples: ['0.50'],
    }),
  ),
  metadata: Type.Optional(JsonObject),
  files: Type.Optional(
    Type.Array(WireId('file'), {
      maxItems: 100,
      uniqueItems: true,
      description: 'Input files. The sandbox has them in /workspace/input/.',
    }),
  ),
}

export const RunRequest = Type.Object(runRequestFields)
export type RunRequest = Static<typeof RunRequest>

/** The largest request body, which includes the input. */
export const runBodyBytesMax = 4_194_304
