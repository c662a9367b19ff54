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
  readonly hiddenReason: string | undefined
  /** The usage that the provider reported before the call failed, if any. */
  readonly usage: TokenUsage | undefined

  constructor(failure: ModelCallFailure, usage?: TokenUsage) {
    super(failure.message)
    this.kind = failure.kind
    this.retryable = failure.retryable
    this.retryAfterMs = failure.retryAfterMs
    this.status = failure.status
    this.hiddenReason = failure.hiddenReason
    this.usage = usage
  }
}

/** The error of a call that was aborted by its own signal. */
export function abortedError(usage?: TokenUsage): ModelCallError {
  return new ModelCallError({ kind: 'aborted', message: 'The model call was aborted.', retryable: false }, usage)
}
