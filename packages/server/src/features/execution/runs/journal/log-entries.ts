import type { ModelCallError, StepAnswer, ToolCall } from '../../../catalog/models/index.ts'
import type { JsonRecord, RunError, TerminalStatus } from '../run.ts'
import { toErrorWire } from '../run-wire.ts'
import { logEvents, type LogData, type LogEventName, type LogLevel } from './log-events.ts'

/** An entry of a run's log with its content in clear. The functions below are the only ones that make entries. */
export interface LogEntry {
  readonly kind: 'run_log'
  readonly type: 'system' | 'progress' | 'result'
  readonly level: LogLevel
  readonly event: LogEventName
  readonly message?: string
  readonly data?: unknown
  /** What a resume needs and no reader gets. */
  readonly journal?: unknown
}

/** What was measured of a model call, whether it succeeded or failed. */
export type CallTimes = LogData<'model_stopped'>

/** When a tool call started, and how long it took. */
export type ToolTimes = Pick<LogData<'tool_finished'>, 'startedAt' | 'durationMs'>

interface EntryFields<E extends LogEventName> {
  readonly level: (typeof logEvents)[E]['levels'][number]
  readonly message?: string
  readonly data: LogData<E>
  readonly journal?: unknown
}

function entry<E extends LogEventName>(event: E, { data, ...fields }: EntryFields<E>): LogEntry {
  return { kind: 'run_log', type: logEvents[event].type, event, ...fields, ...(data === null ? {} : { data }) }
}

export function modelAnswer(
  answer: StepAnswer,
  about: Pick<LogData<'model_answer'>, 'step' | 'cost'> & { readonly call: CallTimes },
): LogEntry {
  const toolCalls = answer.toolCalls.map((call) => ({ id: call.id, name: call.name, arguments: call.argumentsText }))
  const { finishReason, usage, providerData } = answer
  const { skipped = {}, serverTools = [] } = answer.reading ?? {}
  const passedOver = {
    ...(Object.keys(skipped).length === 0 ? {} : { skipped: { ...skipped } }),
    ...(serverTools.length === 0
      ? {}
      : { serverTools: serverTools.map((used) => ({ ...used, sources: [...used.sources] })) }),
  }
  return entry('model_answer', {
    level: 'debug',
    message: answer.text,
    data: { step: about.step, toolCalls, finishReason, usage, cost: about.cost, ...passedOver, ...about.call },
    ...(providerData === undefined ? {} : { journal: { providerData } }),
  })
}

export function modelRetry(
  error: ModelCallError,
  { attempt, delayMs, call }: { readonly attempt: number; readonly delayMs: number; readonly call: CallTimes },
): LogEntry {
  return entry('model_retry', {
    level: 'warn',
    message: `The model call failed (${error.message}); trying again in ${Math.round(delayMs)} ms.`,
    data: { attempt, kind: error.kind, delayMs: Math.round(delayMs), ...call },
  })
}

export function modelWait(refusal: ModelCallError, delayMs: number): LogEntry {
  return entry('model_wait', {
    level: 'info',
    message: `The provider takes no calls at the moment (${refusal.message}); waiting for ${Math.round(delayMs)} ms.`,
    data: { kind: refusal.kind, delayMs: Math.round(delayMs) },
  })
}

export function modelFailed(error: ModelCallError, call: CallTimes): LogEntry {
  return entry('model_failed', { level: 'error', message: error.message, data: { kind: error.kind, ...call } })
}

export function modelStopped(call: CallTimes): LogEntry {
  return entry('model_stopped', { level: 'debug', message: 'The model call was stopped with the run.', data: call })
}

export function toolStarted({ id, name, argumentsText }: ToolCall): LogEntry {
  return entry('tool_started', {
    level: 'debug',
    message: `Tool: ${name}`,
    data: { tool: name, callId: id, arguments: argumentsText },
  })
}

export function toolFinished(
  { id, name }: Pick<ToolCall, 'id' | 'name'>,
  { text, isError, reasons }: { text: string; isError: boolean; reasons?: RunError['reasons'] },
  times: ToolTimes,
): LogEntry {
  return entry('tool_finished', {
    level: 'debug',
    message: `Tool: ${name}`,
    data: {
      tool: name,
      callId: id,
      isError,
      ...times,
      result: text,
      ...(reasons === undefined ? {} : { reasons: [...reasons] }),
    },
  })
}

export function outputReturned(output: JsonRecord): LogEntry {
  return entry('output', { level: 'info', data: { ...output } })
}

export function reportAdded(content: string): LogEntry {
  return entry('report', { level: 'info', data: { content } })
}

export function logLine(level: LogLevel, message: string, data?: JsonRecord): LogEntry {
  return entry('progress', { level, message, data: data === undefined ? null : { ...data } })
}

export function reminder(text: string): LogEntry {
  return entry('reminder', { level: 'warn', message: text, data: undefined })
}

export function runResumed(attempt: number): LogEntry {
  const message = 'The run was interrupted and resumes from its journal.'
  return entry('run_resumed', { level: 'warn', message, data: { attempt } })
}

const releaseTexts = {
  handover: 'Runs of other organizations have waited: the run continues when it is its turn again.',
  shutdown: 'The worker of the run stops: another one continues the run.',
} as const

export function runReleased(reason: LogData<'run_released'>['reason']): LogEntry {
  return entry('run_released', { level: 'info', message: releaseTexts[reason], data: { reason } })
}

/** `data` is null when no file could be kept. */
export function outputNotKept(message: string, data: LogData<'output_not_kept'>): LogEntry {
  return entry('output_not_kept', { level: data === null ? 'error' : 'warn', message, data })
}

export function runCompleted(status: TerminalStatus, error: RunError | null, message?: string): LogEntry {
  return entry('run_completed', {
    level: status === 'success' || status === 'cancelled' ? 'info' : 'error',
    message: message ?? error?.message ?? 'The run has ended.',
    data: { status, ...(error === null ? {} : { error: toErrorWire(error) }) },
  })
}
