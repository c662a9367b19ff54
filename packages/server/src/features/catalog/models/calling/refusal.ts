import type { ModelCallErrorKind } from './model-call-error.ts'
import type { ProviderError } from './reading/provider-error.ts'

/** How a refused call is treated. */
export interface Refusal {
  readonly kind: ModelCallErrorKind
  readonly retryable: boolean
}

/** The words of servers for a request that is too long. Codes and types are in `overflowWords`. */
const overflowTexts: readonly RegExp[] = [
  // OpenAI, vLLM, DeepSeek, OpenRouter, Groq, Ollama
  /context[ _-]?(length|window|size|overflow)/i,
  /maximum context/i,
  /reduce the length/i,
  // Anthropic
  /prompt (is )?too long/i,
  /input is too long/i,
  // Google
  /input token count/i,
  /exceeds? .{0,40}(token limit|number of tokens)/i,
  /too many (input |prompt )?tokens/i,
  // Perplexity
  /total length of all messages is too long/i,
]
const overflowWords = new Set([
  'context_length_exceeded',
  'too_many_prompt_tokens',
  'model_context_window_exceeded',
  'request_too_large',
  'exceed_context_size_error',
])

const keyTexts = /api[ _]key not valid|invalid[ _]api[ _]key|API_KEY_INVALID|authentication_error/i
const noCreditTexts = /insufficient[ _](quota|balance|credit|funds)|billing|exceeded your current quota/i
const noCreditWords = new Set(['insufficient_quota', 'insufficient_balance', 'billing_hard_limit_reached'])

const byStatus: Readonly<Record<number, Refusal>> = {
  401: { kind: 'auth', retryable: false },
  402: { kind: 'rate-limited', retryable: false },
  403: { kind: 'auth', retryable: false },
  408: { kind: 'timeout', retryable: true },
  409: { kind: 'unavailable', retryable: true },
  413: { kind: 'context-overflow', retryable: false },
  425: { kind: 'unavailable', retryable: true },
}

/** How a refusal with a status is treated; `retryAfterMs` is the wait that the provider asks for, if any. */
export function refusalOf(status: number, said: ProviderError, retryAfterMs: number | undefined): Refusal {
  const known = byStatus[status]
  if (known !== undefined) return known
  if (status === 429) return { kind: 'rate-limited', retryable: !isOutOfCredit(said, retryAfterMs) }
  if (status >= 500) return { kind: 'unavailable', retryable: true }
  if (isOverflow(said)) return { kind: 'context-overflow', retryable: false }
  if (isAboutKey(said)) return { kind: 'auth', retryable: false }
  // The next answer can have a call that the provider accepts.
  return { kind: 'bad-request', retryable: said.malformedCall !== undefined }
}

/** Whether the request is too long for the model. */
export function isOverflow({ words, message }: ProviderError): boolean {
  return words.some((word) => overflowWords.has(word)) || overflowTexts.some((text) => text.test(message))
}

/** Whether the provider does not accept the key. */
export function isAboutKey({ words, message }: ProviderError): boolean {
  return keyTexts.test([message, ...words].join(' '))
}

// Who names a time means a limit that passes, whatever the text says about billing.
function isOutOfCredit({ words, message }: ProviderError, retryAfterMs: number | undefined): boolean {
  if (words.some((word) => noCreditWords.has(word))) return true
  return retryAfterMs === undefined && noCreditTexts.test([message, ...words].join(' '))
}
