import { Decimal } from 'decimal.js'
import type { Platform } from '../../../../platform/platform.ts'
import type { JsonSchema } from '../../../../platform/json-schema/json-schema.ts'
import { costOf, type CallLimiter, type ModelTarget, type TokenUsage } from '../../../catalog/models/index.ts'
import {
  appendFenced,
  sealEntries,
  sealProgress,
  type JournalSize,
  type LogEntry,
  type Run,
  type RunProgress,
} from '../../runs/index.ts'
import type { RunKept, RunSandbox, Tool } from '../../tools/index.ts'
import type { Turn } from '../turn.ts'
import type { Transcript } from './transcript.ts'

/** One attempt at a run, with everything that it needs. */
export interface RunAttempt {
  readonly platform: Pick<Platform, 'db' | 'wake' | 'clock' | 'log' | 'use'>
  readonly run: Run
  readonly target: ModelTarget
  readonly limiter: CallLimiter
  readonly tools: ReadonlyMap<string, Tool>
  readonly outputSchema: JsonSchema | undefined
  readonly sandbox: RunSandbox
  readonly transcript: Transcript
  readonly signal: AbortSignal
  readonly turn: Turn
  /** What the run has kept so far, over all attempts. */
  kept: RunKept & JournalSize
  /** Spent so far, over all attempts. */
  spent: { tokens: number; costUsd: string }
}

/** Appends log entries and progress to the journal, and wakes its readers. Throws Fenced. */
export async function append(attempt: RunAttempt, entries: readonly LogEntry[], progress?: RunProgress): Promise<void> {
  const { platform, run, kept } = attempt
  await appendFenced(platform.db, run, {
    events: sealEntries(run.seal, entries),
    ...(progress === undefined ? {} : { progress: sealProgress(run.seal, progress) }),
  })
  attempt.kept = {
    logLines: kept.logLines + entries.filter(({ event }) => event === 'progress').length,
    reportBytes: kept.reportBytes + Buffer.byteLength(progress?.report ?? ''),
    entries: kept.entries + entries.length,
    entryBytes: kept.entryBytes + entries.reduce((sum, entry) => sum + Buffer.byteLength(JSON.stringify(entry)), 0),
  }
  platform.wake.wake('events', `${run.applicationId}:${run.id}`)
}

/** Adds the usage of a model call to what the attempt has spent; returns it with its cost. */
export function spend(attempt: RunAttempt, usage: TokenUsage): { usage: TokenUsage; costUsd: string } {
  const costUsd = costOf(usage, attempt.run.model?.price ?? null)
  const tokens = usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
  attempt.spent = {
    tokens: attempt.spent.tokens + tokens,
    costUsd: new Decimal(attempt.spent.costUsd).plus(costUsd).toFixed(),
  }
  return { usage, costUsd }
}
