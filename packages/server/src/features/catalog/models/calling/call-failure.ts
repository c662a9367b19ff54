import { AISDKError, APICallError } from '@ai-sdk/provider'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { connectionFailureOf, describeConnectionFailure, type ConnectionFailure } from './connection-failure.ts'
import type { ModelCallErrorKind, ModelCallFailure } from './model-call-error.ts'

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
  const said = `${error.message} ${error.responseBody?.slice(0, 2_000) ?? ''}`
  return {
    ...refusalOf(status, said),
    message: refusalText(status, error.message, secret),
    status,
    retryAfterMs: retryAfterMs(error.responseHeaders ?? {}, Date.now()),
  }
}

interface Refusal {
  readonly kind: ModelCallErrorKind
  readonly retryable: boolean
}

const overflow = new RegExp(
  [
    'context[ _-]?(length|window|size|overflow)',
    'maximum context',
    'prompt is too long',
    'input is too long',
    'too many (input )?tokens',
    'input token count',
    'exceeds? .{0,40}(token limit|number of tokens)',
    'reduce the length',
  ].join('|'),
  'i',
)
const refusedKey = /api[ _]key not valid|invalid[ _]api[ _]key|API_KEY_INVALID|authentication_error/i
const noCredit = /insufficient[ _](quota|balance|credit|funds)|billing|exceeded your current quota/i

const refusals: Readonly<Record<number, Refusal>> = {
  401: { kind: 'auth', retryable: false },
  402: { kind: 'rate-limited', retryable: false },
  403: { kind: 'auth', retryable: false },
  408: { kind: 'timeout', retryable: true },
  409: { kind: 'unavailable', retryable: true },
  413: { kind: 'context-overflow', retryable: false },
  425: { kind: 'unavailable', retryable: true },
}

function refusalOf(status: number, said: string): Refusal {
  const known = refusals[status]
  if (known !== undefined) return known
  if (status === 429) return { kind: 'rate-limited', retryable: !noCredit.test(said) }
  if (status >= 500) return { kind: 'unavailable', retryable: true }
  if (overflow.test(said)) return { kind: 'context-overflow', retryable: false }
  return { kind: refusedKey.test(said) ? 'auth' : 'bad-request', retryable: false }
}

// In a 401, providers quote parts of the wrong key: none of that text is passed on.
function refusalText(status: number, said: string, secret: string): string {
  if (status === 401) return 'The provider refused the API key (status 401).'
  if (status < 400)
    return `The provider sent a redirect (status ${status}), which is not followed. Correct the base URL.`
  const text = cleanText(said, secret)
  return `The provider answered with status ${status}${text === '' ? '.' : `: ${text}`}`
}

const ErrorInStream = Compile(
  Type.Object({
    message: Type.Optional(Type.String()),
    type: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    code: Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Null()])),
    statusCode: Type.Optional(Type.Number()),
  }),
)

/** Turns an error that the provider sent within its stream into a failure. */
export function reportedFailureOf(reported: unknown, secret: string): ModelCallFailure {
  if (reported instanceof Error) return failureOf(reported, secret)
  if (!ErrorInStream.Check(reported))
    return { kind: 'unavailable', message: 'The provider reported an error.', retryable: true }
  const { message = '', type, code, statusCode } = reported
  const said = [type, code, message].join(' ')
  const status = statusCode ?? statusIn(code) ?? statusFor(said)
  const text = refusedKey.test(said) ? '' : cleanText(message, secret)
  return {
    ...refusalOf(status, said),
    message: `The provider aborted its answer${text === '' ? '.' : `: ${text}`}`,
    status,
  }
}

function statusIn(code: string | number | null | undefined): number | undefined {
  const status = Number(code)
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined
}

function statusFor(said: string): number {
  if (/rate[ _]?limit|RESOURCE_EXHAUSTED/i.test(said)) return 429
  if (refusedKey.test(said)) return 401
  return overflow.test(said) || /invalid_request/i.test(said) ? 400 : 503
}

const textCharactersMax = 300
const secretCharactersMin = 4

/** A provider's text made safe to show: one short line without the key and control characters. */
export function cleanText(text: string, secret: string): string {
  const isSecret = secret.length >= secretCharactersMin
  const spellings = isSecret ? [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)] : []
  const open = spellings.reduce((rest, spelling) => rest.replaceAll(spelling, '[redacted]'), text)
  const line = open.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return line.length > textCharactersMax ? `${line.slice(0, textCharactersMax)}…` : line
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
