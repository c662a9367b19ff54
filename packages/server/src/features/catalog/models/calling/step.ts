import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'
import { AnswerCollector, ReportedError } from './answer-collector.ts'
import { failureOf, reportedFailureOf } from './call-failure.ts'
import { watchCall, type CallWatch } from './call-watch.ts'
import { connectionFailureOf, hiddenFailure, isBeforeConnection } from './connection-failure.ts'
import { abortedError, ModelCallError, refusedAnswerError } from './model-call-error.ts'
import { findBaseUrl, isSendableKey, keyHeaders, noBaseUrl, type ModelTarget } from './model-target.ts'
import { fetchBelow } from './model-egress.ts'
import { providerModel } from './provider-models.ts'
import type { StepAnswer, StepMessage, TokenUsage, ToolSpec } from './step-message.ts'
import { toPrompt, toTools } from './to-prompt.ts'

/** Learns of the moments of a call, for measurements. */
export interface CallObserver {
  started(): void
  /** Called at least once when the model sends text, reasoning or a tool call. */
  receivedToken(): void
}

export interface StepRequest {
  readonly messages: readonly StepMessage[]
  readonly tools: readonly ToolSpec[]
  readonly signal: AbortSignal
  /** Longest time without a byte from the provider; the HTTP client's own limit is 300,000. */
  readonly idleTimeoutMs: number
  readonly totalTimeoutMs: number
  readonly textBytesMax: number
  /** Receives each piece of text as it arrives. An error that it throws ends the call and is rethrown. */
  readonly onTextDelta?: ((text: string) => void) | undefined
  readonly observer?: CallObserver | undefined
}

/** Makes one streaming model call, without retries. Throws ModelCallError. */
export async function step(target: ModelTarget, request: StepRequest): Promise<StepAnswer> {
  request.observer?.started()
  const baseUrl = findBaseUrl(target)
  if (baseUrl === undefined) throw settingsError('bad-request', noBaseUrl)
  if (!isSendableKey(target))
    throw settingsError('auth', 'The API key is missing or contains characters that are not allowed.')
  const model = await providerModel({ api: target.api, baseUrl, modelId: target.modelId })
  if (request.signal.aborted) throw abortedError()
  const listener = guardedListener(request.onTextDelta)
  const collector = new AnswerCollector({ target, textBytesMax: request.textBytesMax, onTextDelta: listener.call })
  const watch = watchCall({ ...request, fetch: fetchBelow(baseUrl, target.fetch) })
  try {
    const { stream } = await model.doStream(toCallOptions(target, request, watch))
    for await (const part of stream) {
      collector.take(part)
      report(collector, watch, request.observer)
    }
    return collector.answer()
  } catch (error) {
    if (listener.thrown !== undefined) throw listener.thrown.error
    // Once the answer is complete, it does not matter how the connection ended.
    if (collector.isComplete) return collector.answer()
    const failed = toCallError(error, { target, request, watch, usage: collector.usage })
    throw watch.isHidden && !isBeforeConnection(connectionFailureOf(error)) ? hide(failed) : failed
  } finally {
    watch.close()
  }
}

function report(collector: AnswerCollector, watch: CallWatch, observer: CallObserver | undefined): void {
  if (collector.hasToken) observer?.receivedToken()
  if (collector.isComplete) watch.answered()
}

function toCallOptions(target: ModelTarget, request: StepRequest, watch: CallWatch): LanguageModelV4CallOptions {
  const tools = toTools(request.tools)
  return {
    prompt: toPrompt(target, request.messages),
    headers: keyHeaders(target),
    abortSignal: watch.signal,
    includeRawChunks: target.api === 'anthropic',
    ...(tools.length > 0 ? { tools, toolChoice: { type: 'auto' as const } } : {}),
    ...(target.maxOutputTokens === undefined ? {} : { maxOutputTokens: target.maxOutputTokens }),
  }
}

interface GuardedListener {
  readonly call: ((text: string) => void) | undefined
  thrown: { readonly error: unknown } | undefined
}

// An error of the listener is the caller's own and must not be reported as a failed model call.
function guardedListener(onTextDelta: StepRequest['onTextDelta']): GuardedListener {
  if (onTextDelta === undefined) return { call: undefined, thrown: undefined }
  const listener: GuardedListener = {
    call(text) {
      try {
        onTextDelta(text)
      } catch (error) {
        listener.thrown = { error }
        throw error
      }
    },
    thrown: undefined,
  }
  return listener
}

interface FailedCall {
  readonly target: ModelTarget
  readonly request: StepRequest
  readonly watch: CallWatch
  readonly usage: TokenUsage | undefined
}

function toCallError(error: unknown, { target, request, watch, usage }: FailedCall): ModelCallError {
  switch (watch.stopped) {
    case 'aborted':
      return abortedError(usage)
    case 'idle':
      return timeoutError(`The provider sent nothing for ${request.idleTimeoutMs} ms.`, usage)
    case 'total':
      return timeoutError(`The model did not finish its answer within ${request.totalTimeoutMs} ms.`, usage)
    case 'too-large':
    case 'too-complex':
    case 'too-many-calls':
      return refusedAnswerError(watch.stopped, request.textBytesMax, usage)
    case undefined:
  }
  if (error instanceof ModelCallError) return error
  if (error instanceof ReportedError) return new ModelCallError(reportedFailureOf(error.reported, target.apiKey), usage)
  return new ModelCallError(failureOf(error, target.apiKey), usage)
}

// Keeps what the caller decides by: whether to try again, when, and how.
function hide({ kind, message, retryable, retryAfterMs, usage }: ModelCallError): ModelCallError {
  const shown = kind === 'aborted' || kind === 'context-overflow' ? kind : 'connection'
  const shownFailure = { kind: shown, message: hiddenFailure, retryable, retryAfterMs, hiddenReason: message } as const
  return new ModelCallError(shownFailure, usage)
}

function settingsError(kind: 'auth' | 'bad-request', message: string): ModelCallError {
  return new ModelCallError({ kind, message, retryable: false })
}

function timeoutError(message: string, usage: TokenUsage | undefined): ModelCallError {
  return new ModelCallError({ kind: 'timeout', message, retryable: true }, usage)
}
