import { toWireId } from '../../../../platform/ids/id.ts'
import {
  ModelCallError,
  stepWithRetry,
  type StepAnswer,
  type StepMessage,
  type TokenUsage,
} from '../../../catalog/models/index.ts'
import {
  modelAnswer,
  modelFailed,
  modelRetry,
  modelStopped,
  modelWait,
  type CallTimes,
  type Ending,
  type LogEntry,
  type RunProgress,
} from '../../runs/index.ts'
import { append, spend, type RunAttempt } from './attempt.ts'
import { createCallClock, type CallClock } from './call-clock.ts'
import { failed } from './endings.ts'
import { fitContext } from './fit-context.ts'
import { modelCallLimits, runLimits } from './limits.ts'
import { addAnswer } from './transcript.ts'

/** Calls the model and adds its answer to journal and transcript; returns how the run ends when the call failed. */
export async function nextAnswer(attempt: RunAttempt): Promise<Ending | undefined> {
  const { run, transcript } = attempt
  const messages = fitContext(transcript.messages, run.model?.contextWindow ?? null, run.model?.maxTokens ?? 4096)
  if (messages === undefined)
    return failed('context-window-exceeded', "The conversation no longer fits the model's context window.")
  const clock = createCallClock(attempt.platform.clock)
  try {
    const { answer, call } = await callModel(attempt, messages, clock)
    await journalAnswer(attempt, answer, call)
    addAnswer(transcript, answer)
    return undefined
  } catch (error) {
    if (!(error instanceof ModelCallError)) throw error
    const call = timesOf(attempt, clock, error.usage)
    if (attempt.signal.aborted) {
      await recordStopped(attempt, error, call)
      throw error
    }
    if (error.hiddenReason !== undefined)
      attempt.platform.log.warn(
        { runId: attempt.run.id, kind: error.kind, reason: error.hiddenReason },
        'The call of a model at an internal address failed.',
      )
    await append(attempt, [modelFailed(error, call)], costOfFailure(attempt, error))
    return failed(`model-${error.kind}`, `The model could not be called: ${error.message}`)
  }
}

async function callModel(
  attempt: RunAttempt,
  messages: readonly StepMessage[],
  clock: CallClock,
): Promise<{ answer: StepAnswer; call: CallTimes }> {
  const { target, tools, signal, turn } = attempt
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
    observer: {
      started: () => clock.started(),
      receivedToken() {
        clock.receivedToken()
        turn.waits()
      },
    },
  }
  const notes: Promise<void>[] = []
  turn.calls()
  try {
    const answer = await stepWithRetry(target, request, {
      limiter: attempt.limiter,
      owner: attempt.run.organizationId,
      remainingMs: () => turn.remainingMs(),
      paidFailuresMax: modelCallLimits.paidFailuresMax,
      baseDelayMs: modelCallLimits.baseDelayMs,
      maxDelayMs: modelCallLimits.maxDelayMs,
      random: Math.random,
      onRetry(error, failedCalls, delayMs) {
        const entry = modelRetry(error, { attempt: failedCalls, delayMs, call: timesOf(attempt, clock, error.usage) })
        notes.push(appendIfPossible(attempt, entry, costOfFailure(attempt, error)))
      },
      onWait(refusal, delayMs) {
        notes.push(appendIfPossible(attempt, modelWait(refusal, delayMs), {}))
      },
    })
    return { answer, call: timesOf(attempt, clock, answer.usage) }
  } finally {
    turn.works()
    // The retry notes must precede the next entry, and their cost must be recorded before the run ends.
    await Promise.all(notes)
  }
}

async function journalAnswer(attempt: RunAttempt, answer: StepAnswer, call: CallTimes): Promise<void> {
  const { usage, costUsd } = spend(attempt, answer.usage)
  const entry = modelAnswer(answer, { step: attempt.transcript.steps + 1, cost: costUsd, call })
  await append(attempt, [entry], { usage, costUsd })
}

// Stopped by its timeout or a release, the run still pays for the call.
async function recordStopped(attempt: RunAttempt, error: ModelCallError, call: CallTimes): Promise<void> {
  if (error.usage !== undefined) await appendIfPossible(attempt, modelStopped(call), costOfFailure(attempt, error))
}

// The note is for readers only: failing to write it must not fail the run.
async function appendIfPossible(attempt: RunAttempt, entry: LogEntry, progress: RunProgress): Promise<void> {
  await append(attempt, [entry], progress).catch((error: unknown) =>
    attempt.platform.log.debug({ err: error, runId: attempt.run.id }, 'A failed model call could not be journalled.'),
  )
}

// Charges a failed call for the usage that the provider reported.
function costOfFailure(attempt: RunAttempt, { usage }: ModelCallError): RunProgress {
  return usage === undefined ? {} : spend(attempt, usage)
}

function timesOf({ run }: RunAttempt, clock: CallClock, usage: TokenUsage | undefined): CallTimes {
  return {
    ...clock.read(),
    modelId: toWireId('model', run.modelRowId ?? ''),
    contextTokens: usage === undefined ? null : contextOf(usage),
  }
}

// A provider that reports no usage is counted as zero everywhere; no call has an empty context.
function contextOf({ inputTokens, cacheReadTokens, cacheWriteTokens }: TokenUsage): number | null {
  const tokens = inputTokens + cacheReadTokens + cacheWriteTokens
  return tokens === 0 ? null : tokens
}
