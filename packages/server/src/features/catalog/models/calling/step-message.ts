import type { ReadingReport } from './reading/reading-notes.ts'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** One message of the conversation, as the journal keeps it. */
export type StepMessage =
  | { readonly role: 'system' | 'user'; readonly text: string }
  | {
      readonly role: 'assistant'
      readonly text: string
      readonly toolCalls: readonly ToolCall[]
      /** Opaque data that the provider expects back (reasoning, signatures): the answer's `providerData`. */
      readonly providerData?: JsonValue | undefined
    }
  | {
      readonly role: 'tool'
      readonly toolCallId: string
      readonly toolName: string
      readonly text: string
      readonly isError: boolean
    }

/** A tool call as the model wrote it; the arguments can be any text, even invalid JSON. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly argumentsText: string
}

export interface JsonSchemaObject {
  readonly [keyword: string]: unknown
}

export interface ToolSpec {
  readonly name: string
  readonly description: string
  /** JSON Schema (draft 7) of the arguments object. */
  readonly parameters: JsonSchemaObject
}

/** Disjoint counts: `inputTokens` excludes tokens that were read from or written to the cache. */
export interface TokenUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
}

export type FinishReason = 'stop' | 'tool-calls' | 'length' | 'content-filter' | 'other'

/** One complete answer of a model. */
export interface StepAnswer {
  readonly text: string
  readonly toolCalls: readonly ToolCall[]
  readonly usage: TokenUsage
  readonly finishReason: FinishReason
  readonly providerData?: JsonValue | undefined
  /** What of the answer was passed over; absent when nothing was. */
  readonly reading?: ReadingReport | undefined
}

/** Whether a value and everything in it is JSON. */
export function isJsonValue(value: unknown): value is JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isJsonValue)
  return typeof value === 'object' && Object.values(value).every(isJsonValue)
}
