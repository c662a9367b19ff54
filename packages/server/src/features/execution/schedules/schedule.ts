import { toWireId } from '../../../platform/ids/id.ts'
import { lifecycleOf } from '../../../platform/lifecycle/lifecycle.ts'
import type { JsonRecord, RunRequest } from '../runs/index.ts'
import type { FireRule } from './cron-expression.ts'

/** What happens to fires whose time has passed while no server could fire them. */
export const missedFiresChoices = ['skip', 'run-once', 'run-all'] as const
export type MissedFires = (typeof missedFiresChoices)[number]

/** What happens to a fire while a run of the same schedule has not ended. */
export const overlapChoices = ['allow', 'skip', 'queue', 'cancel-previous'] as const
export type Overlap = (typeof overlapChoices)[number]

/** Every outcome of a fire, and what can follow it: only a queued fire gets another one. */
export const fireTransitions = {
  started: [],
  queued: ['started', 'failed', 'skipped-disabled'],
  failed: [],
  'skipped-overlap': [],
  'skipped-missed': [],
  'skipped-disabled': [],
} as const satisfies Record<string, readonly string[]>
export type FireOutcome = keyof typeof fireTransitions

export const {
  statuses: fireOutcomes,
  /** The outcomes from which another can be reached. */
  before: outcomesBefore,
  /** Every change of the table, as two lists of the same length. */
  changes: fireChanges,
} = lifecycleOf(fireTransitions)

/** The settings of a schedule that a request can change. Ids are stored UUIDs. */
export interface ScheduleSettings extends FireRule {
  readonly name: string | null
  readonly enabled: boolean
  readonly input: JsonRecord
  readonly config: JsonRecord
  readonly modelId: string | null
  readonly version: string | null
  readonly budgetUsd: string | null
  readonly missedFires: MissedFires
  readonly overlap: Overlap
  readonly jitterSeconds: number
}

export interface Schedule extends ScheduleSettings {
  readonly id: string
  readonly organizationId: string
  readonly applicationId: string
  readonly endUserId: string | null
  /** Wire id of the user who created it with a session. */
  readonly userId: string | null
  readonly agentId: string
  /** `@scope/name`. */
  readonly agentName: string
  readonly nextRunAt: Date | null
  readonly lastRunAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** The fields of a schedule that can be large. */
export type ScheduleContent = 'input' | 'config'

/** A schedule without its contents. */
export type ScheduleSummary = Omit<Schedule, ScheduleContent>

/** The outcome of a fire, or of a range of missed fires. */
export interface Fire {
  readonly scheduledFor: Date
  /** The last of several missed fires; null for a single fire. */
  readonly through: Date | null
  readonly outcome: FireOutcome
  readonly runId: string | null
  readonly firedAt: Date
}

/** The maximum number of schedules of an application. */
export const schedulesMax = 10_000

/** The request with which each run of a schedule is started. */
export function runRequestOf({
  input,
  config,
  modelId,
  version,
  budgetUsd,
}: Pick<Schedule, 'input' | 'config' | 'modelId' | 'version' | 'budgetUsd'>): RunRequest {
  return {
    input,
    config,
    ...(modelId === null ? {} : { modelId: toWireId('model', modelId) }),
    ...(version === null ? {} : { version }),
    ...(budgetUsd === null ? {} : { budget: budgetUsd }),
  }
}
