import type { Static } from 'typebox'
import { ModelCallError } from '../../packages/server/src/features/catalog/models/index.ts'
import {
  logLine,
  modelAnswer,
  modelFailed,
  modelRetry,
  modelStopped,
  modelWait,
  outputNotKept,
  outputReturned,
  reminder,
  reportAdded,
  runCompleted,
  runReleased,
  runResumed,
  toolFinished,
  toolStarted,
  type LogEntry,
  type LogEventName,
  type RunSummaryWire,
} from '../../packages/server/src/features/execution/runs/index.ts'

const call = {
  startedAt: '2026-03-21T09:30:01.250Z',
  durationMs: 1_840,
  firstTokenMs: 420,
  modelId: 'model_01jq5x3v7kf8hb2m9w4tcd6e1n',
  contextTokens: 1_260,
}
const usage = { inputTokens: 1_260, outputTokens: 48, cacheReadTokens: 0, cacheWriteTokens: 0 }
const refusal = {
  kind: 'rate-limited',
  message: 'The provider refused the call: too many requests.',
  retryable: true,
} as const
const bash = { id: 'call_1', name: 'bash', argumentsText: '{"command":"wc -l input/orders.csv"}' }

/** An example of each kind of log entry, made by the constructor that the server uses. */
export const logExamples: Readonly<Record<LogEventName, LogEntry>> = {
  model_answer: modelAnswer(
    { text: 'I count the orders first.', toolCalls: [bash], usage, finishReason: 'tool-calls' },
    { step: 1, cost: '0.00174', call },
  ),
  model_retry: modelRetry(new ModelCallError(refusal), {
    attempt: 1,
    delayMs: 750,
    call: { ...call, durationMs: 95, firstTokenMs: null, contextTokens: null },
  }),
  model_wait: modelWait(new ModelCallError(refusal), 12_400),
  model_failed: modelFailed(new ModelCallError({ ...refusal, retryable: false }), {
    ...call,
    durationMs: 95,
    firstTokenMs: null,
    contextTokens: null,
  }),
  model_stopped: modelStopped(call),
  tool_started: toolStarted(bash),
  tool_finished: toolFinished(
    bash,
    { text: '128 input/orders.csv', isError: false },
    { startedAt: '2026-03-21T09:30:03.102Z', durationMs: 34 },
  ),
  output: outputReturned({ orders: 127 }),
  report: reportAdded('## Orders\n\nThe file has 127 orders.'),
  progress: logLine('info', 'Counting the orders.'),
  reminder: reminder(
    'You ended without a valid result. Call `output` with the result now; it must match the schema of that tool.',
  ),
  run_resumed: runResumed(2),
  run_released: runReleased('handover'),
  output_not_kept: outputNotKept('Not all output was kept: dump.bin is larger than 104857600 bytes.', {
    lost: [{ path: 'dump.bin', reason: 'is larger than 104857600 bytes' }],
    isMore: false,
  }),
  run_completed: runCompleted('success', null),
}

/** An example of a run as `run_update` carries it. */
export const runExample: Static<typeof RunSummaryWire> = {
  id: 'run_01jq5x3v7kf8hb2m9w4tcd6e1n',
  agentId: 'agent_01jq5x3v7kf8hb2m9w4tcd6e1n',
  agent: '@acme/orders',
  version: '1.4.0',
  status: 'success',
  endUserId: null,
  userId: null,
  apiKeyId: 'key_01jq5x3v7kf8hb2m9w4tcd6e1n',
  scheduleId: null,
  scheduledFor: null,
  modelId: 'model_01jq5x3v7kf8hb2m9w4tcd6e1n',
  modelLabel: 'GPT',
  error: null,
  usage,
  cost: '0.00174',
  budget: null,
  createdAt: '2026-03-21T09:30:00.000Z',
  startedAt: '2026-03-21T09:30:01.200Z',
  completedAt: '2026-03-21T09:30:09.480Z',
  duration: 8_280,
}

/** A log entry in the form that clients get. */
export function toLogExample({ type, level, event, message, data }: LogEntry) {
  return {
    id: 'evt_01jq5x3v7kf8hb2m9w4tcd6e1n',
    runId: runExample.id,
    seq: 7,
    type,
    level,
    event,
    message: message ?? null,
    data: data ?? null,
    createdAt: '2026-03-21T09:30:03.140Z',
  }
}
