import { toolCallsMax, type RefusalReason } from './event-check.ts'
import type { TokenUsage } from './step-message.ts'

export type ModelCallErrorKind =
  | 'auth'
  | 'rate-limited'
  | 'unavailable'
  | 'timeout'
  | 'bad-request'
  | 'context-overflow'
  | 'connection'
  | 'aborted'

export interface ModelCallFailure {
  readonly kind: ModelCallErrorKind
  readonly message: string
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  readonly retryAfterMs?: number | undefined
  readonly status?: number | undefined
  /** The tool call that the provider could not read itself, as it quotes it; empty when it does not. */
  readonly malformedCall?: string | undefined
  /** For the server's log only: why the call failed, where `message` does not say it. */
  readonly hiddenReason?: string | undefined
}

/** A model call failed. Safe to show and log: neither message nor cause holds the API key or a response header. */
export class ModelCallError extends Error {
  override readonly name = 'ModelCallError'
  readonly kind: ModelCallErrorKind
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  readonly status: number | undefined
  readonly malformedCall: string | undefined
  readonly hiddenReason: string | undefined
  /** The usage that the provider reported before the call failed, if any. */
  readonly usage: TokenUsage | undefined

  constructor(failure: ModelCallFailure, usage?: TokenUsage) {
    super(failure.message)
    this.kind = failure.kind
    this.retryable = failure.retryable
    this.retryAfterMs = failure.retryAfterMs
    this.status = failure.status
    this.malformedCall = failure.malformedCall
    this.hiddenReason = failure.hiddenReason
    this.usage = usage
  }
}

/** The error of a call that was aborted by its own signal. */
export function abortedError(usage?: TokenUsage): ModelCallError {
  return new ModelCallError({ kind: 'aborted', message: 'The model call was aborted.', retryable: false }, usage)
}

/** The error of an answer that is larger than the caller allows, or that no model would send. */
export function refusedAnswerError(
  reason: RefusalReason,
  textBytesMax: number,
  usage: TokenUsage | undefined,
): ModelCallError {
  const messages: Readonly<Record<RefusalReason, string>> = {
    'too-large': `The model's answer is larger than ${textBytesMax} bytes.`,
    'too-complex': "The model's answer is nested too deeply or has too many parts.",
    'no-events': 'The provider keeps the connection open without sending an answer.',
    'too-many-calls': `The model's answer has more than ${toolCallsMax} tool calls.`,
  }
  return new ModelCallError({ kind: 'bad-request', message: messages[reason], retryable: false }, usage)
}
