import { Decimal } from 'decimal.js'
import type { Platform } from '../../../platform/platform.ts'
import type { JsonSchema } from '../../../platform/json-schema/json-schema.ts'
import {
  costOf,
  ModelCallError,
  stepWithRetry,
  type ModelTarget,
  type StepAnswer,
  type StepMessage,
  type TokenUsage,
  type ToolCall,
} from '../../catalog/models/index.ts'
import { appendFenced, sealEvents, sealProgress, type NewEvent, type Run, type RunProgress } from '../runs/index.ts'
import { failed, succeeded, type Ending } from './finish-run.ts'
import { fitContext } from './fit-context.ts'
import { modelCallLimits, runLimits } from './limits.ts'
import type { RunSandbox } from './run-sandbox.ts'
import { interruptedResult, runToolCall } from './tool-calls.ts'
import type { Tool, ToolResult } from './tool.ts'
import { addAnswer, addReminder, addResult, type Transcript } from './transcript.ts'

/** One attempt at a run, with everything that it needs. */
export interface Attempt {
  readonly platform: Platform
  readonly run: Run
  readonly target: ModelTarget
  readonly tools: ReadonlyMap<string, Tool>
  readonly outputSchema: JsonSchema | undefined
  readonly sandbox: RunSandbox
  readonly transcript: Transcript
  readonly signal: AbortSignal
  /** Spent so far, over all attempts. */
  spent: { tokens: number; costUsd: string }
}

/**
 * The agent loop: open tool calls first, then the next model answer, each journalled before the next step, until the model is done.
 * Throws Fenced when the run was taken away, and the signal's reason when it aborts.
 */
export async function driveRun(attempt: Attempt): Promise<Ending> {
  for (;;) {
    for (const call of attempt.transcript.openCalls) await answerCall(attempt, call)
    const end = await afterStep(attempt)
    if (end !== undefined) return end
    const outcome = await nextAnswer(attempt)
    if (outcome !== undefined) return outcome
  }
}

// The end that the last step has come to; undefined to go on.
async function afterStep(attempt: Attempt): Promise<Ending | undefined> {
  const { transcript } = attempt
  if (transcript.refusedOutputs >= runLimits.outputAttemptsMax) {
    return failed(
      'output-invalid',
      'The agent did not return an output that matches its schema.',
      transcript.lastReasons,
    )
  }
  const last = transcript.messages.at(-1)
  const end = last?.role === 'assistant' ? await afterLastWord(attempt, last.text) : undefined
  return end ?? findReachedLimit(attempt)
}

async function afterLastWord(attempt: Attempt, text: string): Promise<Ending | undefined> {
  const { transcript } = attempt
  const unfinished = whyUnfinished[transcript.finishReason ?? '']
  if (unfinished !== undefined) return unfinished
  if (attempt.outputSchema === undefined || transcript.hasOutput) return succeeded
  if (transcript.reminders >= runLimits.remindersMax)
    return failed(
      'output-missing',
      `The agent ended without returning its output. It said: ${text.slice(0, 1000)}`,
      transcript.lastReasons,
    )
  await remind(attempt)
  return undefined
}

function findReachedLimit({ transcript, run, spent }: Attempt): Ending | undefined {
  if (transcript.steps >= runLimits.stepsMax)
    return failed('step-limit', `The run took ${runLimits.stepsMax} steps without ending.`)
  if (spent.tokens >= runLimits.tokensMax)
    return failed('token-limit', `The run used ${spent.tokens} tokens, more than ${runLimits.tokensMax}.`)
  if (run.budgetUsd !== null && new Decimal(spent.costUsd).gte(run.budgetUsd)) {
    return failed(
      'budget-exceeded',
      `The run has cost ${spent.costUsd} USD of its budget of ${new Decimal(run.budgetUsd).toFixed()} USD.`,
    )
  }
  return undefined
}

// An answer without tool calls is the model's last word only when it was allowed to finish it.
const whyUnfinished: Readonly<Record<string, Ending>> = {
  length: failed('answer-cut', "The model's answer was cut at its token limit."),
  'content-filter': failed('answer-filtered', "The provider's content filter held the model's answer back."),
}

async function remind(attempt: Attempt): Promise<void> {
  const text =
    'You ended without a valid result. Call `output` with the result now; it must match the schema of that tool.'
  await append(attempt, [{ kind: 'run_log', type: 'system', level: 'warn', event: 'reminder', message: text }])
  addReminder(attempt.transcript, text)
}

async function nextAnswer(attempt: Attempt): Promise<Ending | undefined> {
  const { run, transcript } = attempt
  const messages = fitContext(transcript.messages, run.model?.contextWindow ?? null, run.model?.maxTokens ?? 4096)
  if (messages === undefined)
    return failed('context-window-exceeded', "The conversation no longer fits the model's context window.")
  try {
    const answer = await callModel(attempt, messages)
    await journalAnswer(attempt, answer)
    addAnswer(transcript, answer)
    return undefined
  } catch (error) {
    if (!(error instanceof ModelCallError)) throw error
    if (attempt.signal.aborted) {
      await noteStopped(attempt, error)
      throw error
    }
    const event = {
      kind: 'run_log',
      type: 'progress',
      level: 'error',
      event: 'model_failed',
      message: error.message,
      data: { kind: error.kind },
    } as const
    await append(attempt, [event], costOfFailure(attempt, error))
    return failed(`model-${error.kind}`, `The model could not be called: ${error.message}`)
  }
}

async function callModel(attempt: Attempt, messages: readonly StepMessage[]): Promise<StepAnswer> {
  const { target, tools, signal } = attempt
  const request = {
    messages: [...messages],
    tools: [...tools.values()].map(({ name, description, parameters }) => ({
      name,
      description,
      parameters: { ...parameters },
    })),
    signal,
    idleTimeoutMs: modelCallLimits.idleTimeoutMs,
    totalTimeoutMs: modelCallLimits.totalTimeoutMs,
    textBytesMax: runLimits.answerBytesMax,
  }
  const notes: Promise<void>[] = []
  try {
    return await stepWithRetry(target, request, {
      attemptsMax: modelCallLimits.attemptsMax,
      baseDelayMs: modelCallLimits.baseDelayMs,
      maxDelayMs: modelCallLimits.maxDelayMs,
      random: Math.random,
      onRetry: (error, failedAttempts, delayMs) =>
        void notes.push(noteRetry(attempt, { error, failedAttempts, delayMs })),
    })
  } finally {
    // What they say is before what follows in the journal, and what the failed calls cost is on the run before its end.
    await Promise.all(notes)
  }
}

async function noteRetry(
  attempt: Attempt,
  retry: { error: ModelCallError; failedAttempts: number; delayMs: number },
): Promise<void> {
  const message = `The model call failed (${retry.error.message}); trying again in ${Math.round(retry.delayMs)} ms.`
  const event = {
    kind: 'run_log',
    type: 'progress',
    level: 'warn',
    event: 'model_retry',
    message,
    data: { attempt: retry.failedAttempts, kind: retry.error.kind },
  } as const
  await appendIfPossible(attempt, event, costOfFailure(attempt, retry.error))
}

// At its timeout, or handed over, the run has still to pay for the call.
async function noteStopped(attempt: Attempt, error: ModelCallError): Promise<void> {
  if (error.usage === undefined) return
  const event = {
    kind: 'run_log',
    type: 'progress',
    level: 'debug',
    event: 'model_stopped',
    message: 'The model call was stopped with the run.',
  } as const
  await appendIfPossible(attempt, event, costOfFailure(attempt, error))
}

// A note for the reader; the run goes on whether or not it can be written.
async function appendIfPossible(attempt: Attempt, event: NewEvent, progress: RunProgress): Promise<void> {
  await append(attempt, [event], progress).catch((error: unknown) =>
    attempt.platform.log.debug({ err: error, runId: attempt.run.id }, 'A failed model call was not noted.'),
  )
}

// A call that broke off has been paid for as far as the provider said.
function costOfFailure(attempt: Attempt, { usage }: ModelCallError): RunProgress {
  return usage === undefined ? {} : spend(attempt, usage)
}

function spend(attempt: Attempt, usage: TokenUsage): { usage: TokenUsage; costUsd: string } {
  const costUsd = costOf(usage, attempt.run.model?.price ?? null)
  const tokens = usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
  attempt.spent = {
    tokens: attempt.spent.tokens + tokens,
    costUsd: new Decimal(attempt.spent.costUsd).plus(costUsd).toFixed(),
  }
  return { usage, costUsd }
}

async function journalAnswer(attempt: Attempt, answer: StepAnswer): Promise<void> {
  const { transcript } = attempt
  const { usage, costUsd } = spend(attempt, answer.usage)
  const event: NewEvent = {
    kind: 'run_log',
    type: 'progress',
    level: 'debug',
    event: 'model_answer',
    message: answer.text,
    data: {
      step: transcript.steps + 1,
      toolCalls: answer.toolCalls.map((call) => ({ id: call.id, name: call.name, arguments: call.argumentsText })),
      finishReason: answer.finishReason,
      usage,
      cost: costUsd,
    },
    ...(answer.providerData === undefined ? {} : { journal: { providerData: answer.providerData } }),
  }
  await append(attempt, [event], { usage, costUsd })
}

async function answerCall(attempt: Attempt, call: ToolCall): Promise<void> {
  const { transcript, tools } = attempt
  attempt.signal.throwIfAborted()
  const effect = tools.get(call.name)?.effect ?? 'none'
  const wasStarted = transcript.started.has(call.id)
  if (!wasStarted && effect === 'partial') await append(attempt, [started(call)])
  const startedMs = performance.now()
  const result = wasStarted && effect === 'partial' ? interruptedResult : await runToolCall(tools, call, attempt)
  // A tool that was stopped with the run has no result: it stays open for whoever resumes.
  attempt.signal.throwIfAborted()
  await append(
    attempt,
    [...(result.events ?? []), finished(call, result, performance.now() - startedMs)],
    result.progress,
  )
  addResult(transcript, call, result)
}

function started(call: ToolCall): NewEvent {
  return {
    kind: 'run_log',
    type: 'progress',
    level: 'debug',
    event: 'tool_started',
    message: `Tool: ${call.name}`,
    data: { tool: call.name, callId: call.id, arguments: call.argumentsText },
  }
}

function finished(call: ToolCall, result: ToolResult, durationMs: number): NewEvent {
  return {
    kind: 'run_log',
    type: 'progress',
    level: 'debug',
    event: 'tool_finished',
    message: `Tool: ${call.name}`,
    data: {
      tool: call.name,
      callId: call.id,
      isError: result.isError,
      durationMs: Math.round(durationMs),
      result: result.text,
      ...(result.reasons === undefined ? {} : { reasons: result.reasons }),
    },
  }
}

async function append({ platform, run }: Attempt, events: readonly NewEvent[], progress?: RunProgress): Promise<void> {
  await appendFenced(platform.db, run, {
    events: sealEvents(run.seal, events),
    ...(progress === undefined ? {} : { progress: sealProgress(run.seal, progress) }),
  })
  platform.wake.wake('events', `${run.applicationId}:${run.id}`)
}
