import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'
import { AnswerCollector } from './answer-collector.ts'
import { failureOf, incompleteFailureOf, reportedFailureOf } from './call-failure.ts'
import { watchCall, type CallWatch, type StopReason } from './call-watch.ts'
import { hiddenFailure } from './connection-failure.ts'
import { abortedError, ModelCallError, refusedAnswerError } from './model-call-error.ts'
import { findBaseUrl, isSendableKey, keyHeaders, noBaseUrl, type ModelTarget } from './model-target.ts'
import { fetchBelow } from './model-egress.ts'
import { providerModel } from './provider-models.ts'
import { IncompleteAnswer, ReportedError } from './reading/answer-reader.ts'
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
  const baseUrl = checkedBaseUrl(target)
  const model = await providerModel({ api: target.api, baseUrl, modelId: target.modelId })
  if (request.signal.aborted) throw abortedError()
  const listener = guardedListener(request.onTextDelta)
  const toolNames = new Set(request.tools.map(({ name }) => name))
  const watch = watchCall({ ...request, api: target.api, toolNames, fetch: fetchBelow(baseUrl, target.fetch) })
  const { reading } = watch
  const collector = new AnswerCollector({
    target,
    reading,
    textBytesMax: request.textBytesMax,
    onTextDelta: listener.call,
  })
  try {
    const { stream } = await model.doStream(toCallOptions(target, request, watch))
    for await (const part of stream) {
      collector.take(part)
      if (collector.hasToken) request.observer?.receivedToken()
    }
    return collector.answer()
  } catch (error) {
    if (listener.thrown !== undefined) throw listener.thrown.error
    // Once the answer is complete, it does not matter how the connection ended.
    if (collector.isComplete) return collector.answer()
    const failed = toCallError(error, { target, request, watch, usage: collector.usage })
    throw watch.isHidden ? hide(failed) : failed
  } finally {
    watch.close()
  }
}

function checkedBaseUrl(target: ModelTarget): string {
  const baseUrl = findBaseUrl(target)
  if (baseUrl === undefined) throw settingsError('bad-request', noBaseUrl)
  if (isSendableKey(target)) return baseUrl
  throw settingsError('auth', 'The API key is missing or contains characters that are not allowed.')
}

function toCallOptions(target: ModelTarget, request: StepRequest, watch: CallWatch): LanguageModelV4CallOptions {
  const tools = toTools(request.tools)
  return {
    prompt: toPrompt(target, request.messages),
    headers: keyHeaders(target),
    abortSignal: watch.signal,
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

function toCallError(error: unknown, call: FailedCall): ModelCallError {
  const { target, watch, usage } = call
  if (watch.stopped !== undefined) return stoppedError(watch.stopped, call)
  const cause = watch.failure ?? error
  if (cause instanceof ModelCallError) return cause
  if (cause instanceof ReportedError) return new ModelCallError(reportedFailureOf(cause.reported, target.apiKey), usage)
  if (cause instanceof IncompleteAnswer) return new ModelCallError(incompleteFailureOf(cause, target.apiKey), usage)
  const failure = failureOf(error, target.apiKey)
  // The whole answer has arrived: the same answer would fail again, and cost as much.
  return new ModelCallError({ ...failure, retryable: failure.retryable && !watch.reading.isComplete }, usage)
}

function stoppedError(reason: StopReason, { request, watch, usage }: FailedCall): ModelCallError {
  const timeout = (message: string, retryable: boolean) =>
    new ModelCallError({ kind: 'timeout', message, retryable }, usage)
  switch (reason) {
    case 'aborted':
      return abortedError(usage)
    case 'idle':
      return timeout(`The provider sent nothing for ${request.idleTimeoutMs} ms.`, true)
    case 'total':
      // A model that was answering all the time would do so again.
      return timeout(
        `The model did not finish its answer within ${request.totalTimeoutMs} ms.`,
        !watch.reading.hasContent,
      )
    case 'too-large':
    case 'too-complex':
    case 'too-many-calls':
    case 'no-events':
      return refusedAnswerError(reason, request.textBytesMax, usage)
  }
}

// Keeps what the caller decides by: whether to try again, when, and how.
function hide({ kind, message, retryable, retryAfterMs, malformedCall, usage }: ModelCallError): ModelCallError {
  const shown = kind === 'aborted' || kind === 'context-overflow' ? kind : 'connection'
  const given = { retryable, retryAfterMs, malformedCall, hiddenReason: message }
  return new ModelCallError({ kind: shown, message: hiddenFailure, ...given }, usage)
}

function settingsError(kind: 'auth' | 'bad-request', message: string): ModelCallError {
  return new ModelCallError({ kind, message, retryable: false })
}
