import { loopDelay } from '../../../../platform/load/loop-delay.ts'
import { Decimal } from 'decimal.js'
import type { ToolCall } from '../../../catalog/models/index.ts'
import { reminder, toolFinished, toolStarted, type Ending } from '../../runs/index.ts'
import { append, type RunAttempt } from './attempt.ts'
import { nextAnswer } from './call-model.ts'
import { failed, succeeded } from './endings.ts'
import { runLimits } from './limits.ts'
import { interruptedResult, runToolCall } from '../../tools/index.ts'
import { addReminder, addResult } from './transcript.ts'

/**
 * The agent loop: runs the open tool calls, then asks for the next answer, until the run ends. Journals each before the
 * next step. Throws Fenced when the attempt no longer holds the run, and the signal's reason when it aborts.
 */
export async function driveRun(attempt: RunAttempt): Promise<Ending> {
  for (;;) {
    for (const call of [...attempt.transcript.openCalls.values()]) await answerCall(attempt, call)
    const end = await afterStep(attempt)
    if (end !== undefined) return end
    attempt.turn.atBoundary()
    await attempt.platform.use(loopDelay).yieldToRequests(attempt.signal)
    const failure = await nextAnswer(attempt)
    if (failure !== undefined) return failure
  }
}

// The ending that the last step has led to; undefined when the run continues.
async function afterStep(attempt: RunAttempt): Promise<Ending | undefined> {
  const { transcript } = attempt
  if (transcript.refusedOutputs >= runLimits.outputAttemptsMax) {
    return failed(
      'output-invalid',
      'The agent did not return an output that matches its schema.',
      transcript.lastReasons,
    )
  }
  const last = transcript.messages.at(-1)
  const end = last?.role === 'assistant' ? await afterFinalAnswer(attempt, last.text) : undefined
  return end ?? findReachedLimit(attempt)
}

async function afterFinalAnswer(attempt: RunAttempt, text: string): Promise<Ending | undefined> {
  const { transcript } = attempt
  const incomplete = incompleteAnswers[transcript.finishReason ?? '']
  if (incomplete !== undefined) return incomplete
  if (attempt.outputSchema === undefined || transcript.hasOutput) return succeeded
  if (transcript.reminders >= runLimits.remindersMax)
    return failed(
      'output-missing',
      `The agent ended without returning its output. Its last message: ${text.slice(0, 1000)}`,
      transcript.lastReasons,
    )
  await remind(attempt)
  return undefined
}

function findReachedLimit({ transcript, run, spent, kept }: RunAttempt): Ending | undefined {
  if (transcript.steps >= runLimits.stepsMax)
    return failed('step-limit', `The run took ${runLimits.stepsMax} steps without ending.`)
  if (kept.entries >= runLimits.entriesMax)
    return failed('log-limit', `The log of the run has ${kept.entries} entries; the limit is ${runLimits.entriesMax}.`)
  if (kept.entryBytes >= runLimits.entryBytesMax)
    return failed(
      'log-limit',
      `The log of the run has ${kept.entryBytes} bytes; the limit is ${runLimits.entryBytesMax}.`,
    )
  if (spent.tokens >= runLimits.tokensMax)
    return failed('token-limit', `The run used ${spent.tokens} tokens; the limit is ${runLimits.tokensMax}.`)
  if (run.budgetUsd !== null && new Decimal(spent.costUsd).gte(run.budgetUsd)) {
    return failed(
      'budget-exceeded',
      `The run has cost ${spent.costUsd} USD; its budget is ${new Decimal(run.budgetUsd).toFixed()} USD.`,
    )
  }
  return undefined
}

// An answer without tool calls ends the run only when the model could finish it.
const incompleteAnswers: Readonly<Record<string, Ending>> = {
  length: failed('answer-cut', "The model's answer was cut at its token limit."),
  'content-filter': failed('answer-filtered', "The provider's content filter blocked the model's answer."),
}

async function remind(attempt: RunAttempt): Promise<void> {
  const text =
    'You ended without a valid result. Call `output` with the result now; it must match the schema of that tool.'
  await append(attempt, [reminder(text)])
  addReminder(attempt.transcript, text)
}

async function answerCall(attempt: RunAttempt, call: ToolCall): Promise<void> {
  const { platform, transcript, tools, turn } = attempt
  turn.atBoundary()
  const effect = tools.get(call.name)?.effect ?? 'none'
  const wasStarted = transcript.started.has(call.id)
  // A call that only waited for its place may be made again.
  const begins = async () => {
    turn.works()
    if (!wasStarted && effect === 'partial') await append(attempt, [toolStarted(call)])
  }
  const startedAt = platform.clock.now().toISOString()
  const startedMs = performance.now()
  const context = { ...attempt, waits: turn.waits, begins }
  const result = wasStarted && effect === 'partial' ? interruptedResult : await runToolCall(tools, call, context)
  const durationMs = Math.round(performance.now() - startedMs)
  // A tool that was stopped with the run has no result: its call stays open for the next attempt.
  attempt.signal.throwIfAborted()
  await append(
    attempt,
    [...(result.entries ?? []), toolFinished(call, result, { startedAt, durationMs })],
    result.progress,
  )
  addResult(transcript, call, result)
}
