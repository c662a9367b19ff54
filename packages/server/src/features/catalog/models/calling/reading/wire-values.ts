/** The fields of servers' objects that are read by name. */
type WireField =
  | 'annotations'
  | 'args'
  | 'arguments'
  | 'audio_tokens'
  | 'base_resp'
  | 'blockReason'
  | 'cache_creation_input_tokens'
  | 'cache_read_input_tokens'
  | 'cache_write_tokens'
  | 'cachedContentTokenCount'
  | 'cached_tokens'
  | 'candidates'
  | 'candidatesTokenCount'
  | 'choices'
  | 'code'
  | 'content'
  | 'content_block'
  | 'custom'
  | 'data'
  | 'delta'
  | 'details'
  | 'error'
  | 'errors'
  | 'executableCode'
  | 'executed_tools'
  | 'extra_content'
  | 'failed_generation'
  | 'finishMessage'
  | 'finishReason'
  | 'function'
  | 'functionCall'
  | 'function_call'
  | 'google'
  | 'groundingChunks'
  | 'groundingMetadata'
  | 'id'
  | 'index'
  | 'input'
  | 'jsonPath'
  | 'message'
  | 'name'
  | 'object'
  | 'output'
  | 'parameters'
  | 'partialArgs'
  | 'partial_json'
  | 'parts'
  | 'promptFeedback'
  | 'promptTokenCount'
  | 'raw'
  | 'reasoning'
  | 'reasoning_content'
  | 'reasoning_tokens'
  | 'refusal'
  | 'response'
  | 'retryDelay'
  | 'signature'
  | 'status_code'
  | 'stop_reason'
  | 'text'
  | 'thinking'
  | 'thought'
  | 'thoughtSignature'
  | 'thought_signature'
  | 'thoughtsTokenCount'
  | 'toolCall'
  | 'toolType'
  | 'toolUsePromptTokenCount'
  | 'tool_calls'
  | 'tool_use_id'
  | 'totalTokenCount'
  | 'total_tokens'
  | 'type'
  | 'uri'
  | 'url'
  | 'url_citation'
  | 'usage'
  | 'usageMetadata'
  | 'value'
  | 'web'
  | 'webSearchQueries'
  | 'willContinue'
  | 'x_groq'

/** A JSON object of unknown content. */
export type WireRecord = Readonly<Record<string, unknown>> & { readonly [field in WireField]?: unknown }

/** The value as an object; undefined when it is none. */
export function recordOf(value: unknown): WireRecord | undefined {
  return isRecord(value) ? value : undefined
}

function isRecord(value: unknown): value is WireRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The items of a list; one value that is no list counts as a list of one, and an absent value as an empty list. */
export function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return value === undefined || value === null ? [] : [value]
}

/** A text that is not empty, or a number as text. Undefined for everything else. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A count, also one that is written as text. Undefined when it is no number from 0 on. */
export function countOf(value: unknown): number | undefined {
  const number =
    typeof value === 'string' && value.length <= countLengthMax && /^\s*\d+(\.\d+)?\s*$/.test(value)
      ? Number(value)
      : value
  return typeof number === 'number' && number >= 0 && number <= countMax ? Math.trunc(number) : undefined
}

const countMax = 1_000_000_000
const countLengthMax = 32
