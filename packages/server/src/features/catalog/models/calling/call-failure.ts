import { AISDKError, APICallError } from '@ai-sdk/provider'
import { connectionFailureOf, describeConnectionFailure, type ConnectionFailure } from './connection-failure.ts'
import type { ModelCallFailure } from './model-call-error.ts'
import type { IncompleteAnswer } from './reading/answer-reader.ts'
import { parseProviderError, type ProviderError } from './reading/provider-error.ts'
import { cleanText, pageText } from './reading/provider-text.ts'
import { isAboutKey, isOverflow, refusalOf } from './refusal.ts'

/** Turns an error thrown by a provider package into a failure. `secret` is removed from every text. */
export function failureOf(error: unknown, secret: string): ModelCallFailure {
  if (APICallError.isInstance(error))
    return error.statusCode === undefined || error.statusCode < 300 ? brokenOff(error) : refused(error, secret)
  if (AISDKError.isInstance(error) && !unreadableAnswers.has(error.name)) {
    return {
      kind: 'bad-request',
      message: cleanText(error.message, secret) || 'The request was not accepted.',
      retryable: false,
    }
  }
  return { kind: 'connection', message: "The provider's answer could not be read.", retryable: true }
}

const unreadableAnswers = new Set([
  'AI_JSONParseError',
  'AI_TypeValidationError',
  'AI_InvalidResponseDataError',
  'AI_EmptyResponseBodyError',
  'AI_NoContentGeneratedError',
])

/** Configuration errors: a retry does not help. */
const mistakes: ReadonlySet<ConnectionFailure> = new Set(['BLOCKED_URL', 'DNS_ERROR', 'TLS_ERROR'])

function brokenOff(error: APICallError): ModelCallFailure {
  const failure = connectionFailureOf(error)
  const kind = failure === 'TIMEOUT' ? 'timeout' : 'connection'
  return { kind, message: describeConnectionFailure(failure), retryable: !mistakes.has(failure) }
}

function refused(error: APICallError, secret: string): ModelCallFailure {
  const status = error.statusCode ?? 0
  const said = parseProviderError(error.responseBody ?? '')
  const askedMs = retryAfterMs(error.responseHeaders ?? {}, Date.now()) ?? said.retryAfterMs
  return {
    ...refusalOf(status, said, askedMs),
    message: refusalText(status, said.message || error.message, secret),
    status,
    retryAfterMs: askedMs,
    malformedCall: said.malformedCall,
  }
}

function refusalText(status: number, said: string, secret: string): string {
  if (status < 400)
    return `The provider sent a redirect (status ${status}), which is not followed. Correct the base URL.`
  const text = cleanText(said, secret)
  const what = status === 401 ? 'refused the API key (status 401)' : `answered with status ${status}`
  return `The provider ${what}${text === '' ? '.' : `: ${text}`}`
}

/** Turns an error that the provider sent instead of an answer, or within one, into a failure. */
export function reportedFailureOf(reported: unknown, secret: string): ModelCallFailure {
  if (reported instanceof Error) return failureOf(reported, secret)
  const said = parseProviderError(reported)
  const status = said.status ?? statusFor(said)
  const text = cleanText(said.message, secret)
  return {
    ...refusalOf(status, said, said.retryAfterMs),
    message: text === '' ? 'The provider reported an error.' : `The provider aborted its answer: ${text}`,
    status,
    retryAfterMs: said.retryAfterMs,
    malformedCall: said.malformedCall,
  }
}

const statusPatterns: readonly (readonly [RegExp, number])[] = [
  [/rate[ _]?limit|RESOURCE_EXHAUSTED|insufficient_quota/i, 429],
  [/authentication|unauthenticated|unauthorized/i, 401],
  [/invalid_request|INVALID_ARGUMENT|tool_use_failed|bad_?request|not_found|validation/i, 400],
]

// Servers that name no status in an error usually classify it by a word.
function statusFor(said: ProviderError): number {
  if (isAboutKey(said)) return 401
  if (isOverflow(said)) return 400
  const words = said.words.join(' ')
  const found = statusPatterns.find(([pattern]) => pattern.test(words))
  return found?.[1] ?? (/rate[ _]?limit/i.test(said.message) ? 429 : 503)
}

/** Turns an answer that ended before it was complete into a failure. */
export function incompleteFailureOf({ text }: IncompleteAnswer, secret: string): ModelCallFailure {
  const shown = cleanText(pageText(text), secret)
  const message =
    shown === ''
      ? "The model's answer ended before it was complete."
      : `The provider's answer could not be read: ${shown}`
  return { kind: 'connection', message, retryable: true }
}

/** The wait that a provider asks for, in ms: `retry-after-ms`, or `Retry-After` in seconds or as a date. */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const ms = Number.parseFloat(headers['retry-after-ms'] ?? '')
  if (Number.isFinite(ms)) return Math.max(0, ms)
  const value = headers['retry-after']?.trim() ?? ''
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1_000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
