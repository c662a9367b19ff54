import type { LanguageModelV4Message, SharedV4ProviderOptions } from '@ai-sdk/provider'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { ModelTarget } from './model-target.ts'
import { isJsonValue, type JsonValue, type ToolCall } from './step-message.ts'

const Options = Type.Optional(Type.Record(Type.String(), Type.Unknown()))

const AnswerPart = Type.Union([
  Type.Object({ type: Type.Literal('text'), length: Type.Integer({ minimum: 0 }), options: Options }),
  Type.Object({ type: Type.Literal('reasoning'), text: Type.String(), options: Options }),
  Type.Object({ type: Type.Literal('tool-call'), id: Type.String(), options: Options }),
])

const ProviderData = Compile(
  Type.Object({ version: Type.Literal(1), api: Type.String(), modelId: Type.String(), parts: Type.Array(AnswerPart) }),
)

/** The order of an answer's parts and the provider's data of each. Texts and arguments stay in the answer. */
export type AnswerPart = Static<typeof AnswerPart>
export type AssistantContent = Extract<LanguageModelV4Message, { role: 'assistant' }>['content']

/** The parts as journal-safe JSON, or undefined when they add nothing to the answer. */
export function toProviderData(
  target: Pick<ModelTarget, 'api' | 'modelId'>,
  parts: readonly AnswerPart[],
): JsonValue | undefined {
  if (!parts.some((part) => part.type === 'reasoning' || part.options !== undefined)) return undefined
  const data: unknown = JSON.parse(JSON.stringify({ version: 1, api: target.api, modelId: target.modelId, parts }))
  return isJsonValue(data) ? data : undefined
}

export interface RestorableAnswer {
  readonly text: string
  readonly toolCalls: readonly ToolCall[]
  readonly providerData?: JsonValue | undefined
}

/** The parts of an earlier answer, if the same model wrote it and they still match its text and tool calls. */
export function findAnswerParts(
  target: Pick<ModelTarget, 'api' | 'modelId'>,
  answer: RestorableAnswer,
): readonly AnswerPart[] | undefined {
  const data = answer.providerData
  if (!ProviderData.Check(data) || data.api !== target.api || data.modelId !== target.modelId) return undefined
  const textLength = data.parts.reduce((sum, part) => sum + (part.type === 'text' ? part.length : 0), 0)
  const callIds = data.parts.flatMap((part) => (part.type === 'tool-call' ? part.id : []))
  const isSame =
    textLength === answer.text.length && callIds.join('\n') === answer.toolCalls.map((call) => call.id).join('\n')
  return isSame ? data.parts : undefined
}

/** The provider's data of a part, in the form in which the provider expects it back. */
export function toProviderOptions(options: AnswerPart['options']): { providerOptions?: SharedV4ProviderOptions } {
  return isProviderOptions(options) ? { providerOptions: options } : {}
}

function isProviderOptions(value: unknown): value is SharedV4ProviderOptions {
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).every(
    (entry) => typeof entry === 'object' && entry !== null && !Array.isArray(entry) && isJsonValue(entry),
  )
}
