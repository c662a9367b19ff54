import { lifecycleOf, type TerminalOf } from '../../../platform/lifecycle/lifecycle.ts'
import type { ContentSeal } from '../../accounts/end-users/index.ts'
import type { TokenUsage } from '../../catalog/models/index.ts'

/** Every status and where it can go: one table for the types, the guards and the SQL. */
export const runTransitions = {
  pending: ['running', 'failed', 'cancelled'],
  running: ['waiting', 'success', 'failed', 'timeout', 'cancelled'],
  waiting: ['running', 'failed', 'timeout', 'cancelled'],
  success: [],
  failed: [],
  timeout: [],
  cancelled: [],
} as const satisfies Record<string, readonly string[]>

export type RunStatus = keyof typeof runTransitions
export type TerminalStatus = TerminalOf<typeof runTransitions>

export const {
  statuses: runStatuses,
  /** The statuses of a run that has not ended. */
  unfinished: unfinishedStatuses,
  terminal: terminalStatuses,
  /** The statuses from which another can be reached: an update to that status must find one of them. */
  before: statusesBefore,
  isTerminal,
} = lifecycleOf(runTransitions)

/** Why a run ended without success. */
export interface RunError {
  readonly code: string
  readonly message: string
  readonly reasons?: readonly { readonly pointer: string; readonly message: string }[]
}

/** USD per million tokens, as decimal strings. */
export interface ModelPrice {
  readonly input: string
  readonly output: string
  readonly cacheRead: string
  readonly cacheWrite: string
}

/** The model that the run was started with; without its key. */
export interface RunModel {
  readonly label: string
  readonly api: string
  readonly modelId: string
  readonly contextWindow: number | null
  readonly maxTokens: number | null
  readonly price: ModelPrice | null
}

/**
 * A run as it is stored; ids are UUIDs, `userId` is in wire form. The content of an end-user's run may be sealed:
 * `input`, `config`, `metadata`, `output`, `report` and the texts of `error`. `unsealRun` decrypts it.
 */
export interface StoredRun {
  readonly id: string
  readonly organizationId: string
  readonly applicationId: string
  readonly agentId: string
  readonly agentName: string
  readonly packageVersionId: string
  readonly version: string
  readonly endUserId: string | null
  readonly userId: string | null
  readonly apiKeyId: string | null
  readonly scheduleId: string | null
  /** The nominal time of the schedule's fire; null for other runs. */
  readonly scheduledFor: Date | null
  readonly status: RunStatus
  readonly attempt: number
  readonly input: JsonRecord
  readonly config: JsonRecord
  readonly metadata: JsonRecord
  readonly budgetUsd: string | null
  readonly modelRowId: string | null
  /** Null for a run that could not start because it had no model. */
  readonly model: RunModel | null
  readonly timeoutMs: number
  readonly output: unknown
  readonly report: string | null
  readonly error: RunError | null
  readonly usage: TokenUsage
  readonly costUsd: string
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly completedAt: Date | null
}

/** The fields of a run that can be large. */
export type RunContent = 'input' | 'config' | 'metadata' | 'output' | 'report'

/** A run as lists and events show it: without content, except for the texts of its error. */
export type StoredRunSummary = Omit<StoredRun, RunContent>

/** A summary with the texts of its error decrypted, and the seal for its content. */
export interface RunSummary extends StoredRunSummary {
  readonly seal: ContentSeal
}

/** A run with its content in clear, and the seal for writing more content. */
export interface Run extends StoredRun {
  readonly seal: ContentSeal
}

export type JsonRecord = Readonly<Record<string, unknown>>
