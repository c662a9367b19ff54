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
  /** Whether the same call may work later. */
  readonly retryable: boolean
  readonly retryAfterMs?: number | undefined
  readonly status?: number | undefined
}

/** A model call failed. The message is safe to show and to log: no API key, no response header, no cause with either. */
export class ModelCallError extends Error {
  override readonly name = 'ModelCallError'
  readonly kind: ModelCallErrorKind
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  readonly status: number | undefined
  /** What the provider had counted before the call failed, where it said so. */
  readonly usage: TokenUsage | undefined

  constructor(failure: ModelCallFailure, usage?: TokenUsage) {
    super(failure.message)
    this.kind = failure.kind
    this.retryable = failure.retryable
    this.retryAfterMs = failure.retryAfterMs
    this.status = failure.status
    this.usage = usage
  }
}

/** The error of a call that its own signal stopped. */
export function abortedError(usage?: TokenUsage): ModelCallError {
  return new ModelCallError({ kind: 'aborted', message: 'The model call was aborted.', retryable: false }, usage)
}
