import { Type, type Static, type TSchema } from 'typebox'
import { Nullable, OneOf, WireId, WireTime, WireUsd } from '../../../../platform/http/wire.ts'
import { ReasonsWire, RunErrorWire, UsageWire } from '../run-wire.ts'
import { terminalStatuses } from '../run.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** What one kind of log entry holds. */
interface LogEvent {
  /** `system`: about the run itself; `progress`: about its work; `result`: something that the agent returned. */
  readonly type: 'system' | 'progress' | 'result'
  readonly levels: readonly LogLevel[]
  /** When the entry is written, as one sentence. */
  readonly meaning: string
  /** The meaning of `message`; undefined where it is null. */
  readonly message?: string
  /** The schema of `data`; absent where it is null. */
  readonly data?: TSchema
}

const durationMs = Type.Integer({
  minimum: 0,
  description: 'Milliseconds that the call took, measured with a monotonic clock.',
})
const startedAt = { ...WireTime, description: 'When the call started.' }

const callTimes = {
  startedAt,
  durationMs,
  firstTokenMs: Nullable(
    Type.Integer({ minimum: 0, description: 'Milliseconds until the first token; null when none came.' }),
  ),
  modelId: WireId('model', 'The model that was called.'),
  contextTokens: Nullable(
    Type.Integer({
      minimum: 0,
      description: 'Input tokens of the call, cached ones included; null when the provider did not report them.',
    }),
  ),
}
const failureKind = Type.String({
  description: 'Why the call failed, such as `rate-limited`, `timeout` or `connection`.',
})
const waitMs = Type.Integer({ minimum: 0, description: 'Milliseconds until the next call at the earliest.' })
const callId = Type.String({ description: 'Identifies the tool call within the run.' })
const tool = Type.String({ description: 'The name of the tool.' })
const argumentsText = Type.String({ description: 'The arguments as the model wrote them, usually JSON.' })

export const ToolCallData = Type.Object({
  id: Type.String({ description: 'Identifies the tool call within the run.' }),
  name: tool,
  arguments: argumentsText,
})

const ServerToolData = Type.Object({
  name: tool,
  query: Type.Optional(Type.String({ description: 'What the tool was asked.' })),
  sources: Type.Array(Type.String(), { description: 'The addresses of the pages that the tool found.' }),
})

const LostFile = Type.Object({
  path: Type.String({ description: 'The path below `/workspace/output`.' }),
  reason: Type.String({ description: 'Why the file was not kept.' }),
})

/** Every kind of log entry that a journal can hold. Fields are added, never removed: stored journals are replayed. */
export const logEvents = {
  model_answer: {
    type: 'progress',
    levels: ['debug'],
    meaning: 'The model answered. The answer is complete; its tool calls follow.',
    message: 'The text of the answer.',
    data: Type.Object({
      step: Type.Integer({ minimum: 1, description: 'The number of the step, counted over all attempts.' }),
      toolCalls: Type.Array(ToolCallData, { description: 'The tool calls that the model asks for.' }),
      finishReason: OneOf(['stop', 'tool-calls', 'length', 'content-filter', 'other'], {
        description: 'Why the answer ended.',
      }),
      usage: { ...UsageWire, description: 'The tokens of the call.' },
      cost: { ...WireUsd, description: 'The cost of the call in USD.' },
      skipped: Type.Optional(
        Type.Record(Type.String(), Type.Integer({ minimum: 1 }), {
          description: 'How many parts of the answer could not be read and were passed over, by what they were.',
        }),
      ),
      serverTools: Type.Optional(
        Type.Array(ServerToolData, { description: "The tools that the model's server ran by itself." }),
      ),
      ...callTimes,
    }),
  },
  model_retry: {
    type: 'progress',
    levels: ['warn'],
    meaning: 'A model call failed and is retried.',
    message: 'The failure, and the wait before the next call.',
    data: Type.Object({
      attempt: Type.Integer({ minimum: 1, description: 'The number of the failed call within the step.' }),
      kind: failureKind,
      delayMs: waitMs,
      ...callTimes,
    }),
  },
  model_wait: {
    type: 'progress',
    levels: ['info'],
    meaning: 'The provider has refused calls of other runs with the same key and model, so this run waits too.',
    message: 'The refusal, and the wait before the call.',
    data: Type.Object({ kind: failureKind, delayMs: waitMs }),
  },
  model_failed: {
    type: 'progress',
    levels: ['error'],
    meaning: 'A model call failed for good; the run fails.',
    message: 'The failure.',
    data: Type.Object({ kind: failureKind, ...callTimes }),
  },
  model_stopped: {
    type: 'progress',
    levels: ['debug'],
    meaning: 'A model call was stopped together with the run, after the provider had reported usage.',
    message: 'A fixed text.',
    data: Type.Object(callTimes),
  },
  tool_started: {
    type: 'progress',
    levels: ['debug'],
    meaning: 'A tool call started. Only for tools such as `bash`: a crash could interrupt their effects halfway.',
    message: 'The name of the tool.',
    data: Type.Object({ tool, callId, arguments: argumentsText }),
  },
  tool_finished: {
    type: 'progress',
    levels: ['debug'],
    meaning: 'A tool call ended.',
    message: 'The name of the tool.',
    data: Type.Object({
      tool,
      callId,
      isError: Type.Boolean({ description: 'Whether the result is an error for the model to correct.' }),
      startedAt,
      durationMs,
      result: Type.String({ description: 'The result as the model gets it.' }),
      reasons: Type.Optional(ReasonsWire),
    }),
  },
  output: {
    type: 'result',
    levels: ['info'],
    meaning: 'The agent returned its output. A later entry replaces an earlier one.',
    data: Type.Record(Type.String(), Type.Unknown(), { description: "The output, valid against the agent's schema." }),
  },
  report: {
    type: 'result',
    levels: ['info'],
    meaning: 'The agent added a section to its report. All sections of a run together have at most 1 MiB.',
    data: Type.Object({ content: Type.String({ description: 'The section, as Markdown.' }) }),
  },
  progress: {
    type: 'progress',
    levels: logLevels,
    meaning: 'The agent wrote a log line with `log`. A run has at most 1,000 of them.',
    message: 'The line.',
    data: Nullable(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'Fields that belong to the line; null when there are none.',
      }),
    ),
  },
  reminder: {
    type: 'system',
    levels: ['warn'],
    meaning: 'The model ended without its output and is asked for it once more.',
    message: 'What the model is asked.',
  },
  run_resumed: {
    type: 'system',
    levels: ['warn'],
    meaning: 'The run was interrupted, such as by a crash, and resumes from its journal.',
    message: 'A fixed text.',
    data: Type.Object({ attempt: Type.Integer({ minimum: 2, description: 'The number of the new attempt.' }) }),
  },
  run_released: {
    type: 'system',
    levels: ['info'],
    meaning: 'The worker gave the run back before its end, with nothing lost. A `run_resumed` follows.',
    message: 'Why the run was given back.',
    data: Type.Object({
      reason: OneOf(['handover', 'shutdown'], {
        description: '`handover`: runs of other organizations have waited. `shutdown`: the worker stops.',
      }),
    }),
  },
  output_not_kept: {
    type: 'system',
    levels: ['warn', 'error'],
    meaning: 'Not all files in `/workspace/output` could be kept. Without `data`, none could.',
    message: 'Which files were not kept, and why.',
    data: Nullable(
      Type.Object({
        lost: Type.Array(LostFile, {
          description: 'The files that were not kept.',
        }),
        isMore: Type.Boolean({ description: 'Whether there were more files than a run may keep.' }),
      }),
    ),
  },
  run_completed: {
    type: 'system',
    levels: ['info', 'error'],
    meaning: 'The run ended. This is the last log entry; the stream then sends one more `run_update`.',
    message: 'How the run ended.',
    data: Type.Object({
      status: OneOf(terminalStatuses, { description: 'The final status.' }),
      error: Type.Optional({ ...RunErrorWire, description: 'Why the run ended without success.' }),
    }),
  },
} as const satisfies Record<string, LogEvent>

export type LogEventName = keyof typeof logEvents

/** The data of a kind of entry; undefined where it has none. */
export type LogData<E extends LogEventName> = (typeof logEvents)[E] extends { readonly data: infer S extends TSchema }
  ? Static<S>
  : undefined
