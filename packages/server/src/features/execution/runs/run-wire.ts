import { Type, type Static } from 'typebox'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import {
  JsonObject,
  Nullable,
  OneOf,
  toWireTime,
  wire,
  WireId,
  WireTime,
  WireUsd,
} from '../../../platform/http/wire.ts'
import { runStatuses, type Run, type RunSummary } from './run.ts'

const RunErrorWire = Type.Object({
  code: Type.String(),
  message: Type.String(),
  reasons: Type.Optional(Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() }))),
})

const UsageWire = Type.Object({
  inputTokens: Type.Integer({ description: 'Without what was read from or written to the cache.' }),
  outputTokens: Type.Integer(),
  cacheReadTokens: Type.Integer(),
  cacheWriteTokens: Type.Integer(),
})

const slim = {
  id: WireId('run'),
  agentId: WireId('agent'),
  agent: Type.String({ description: '`@scope/name`.' }),
  version: Type.String({ description: 'The exact agent version that the run uses.' }),
  status: OneOf(runStatuses),
  endUserId: Nullable(WireId('eu')),
  userId: Nullable(WireId('usr')),
  apiKeyId: Nullable(WireId('key')),
  scheduleId: Nullable(WireId('sched')),
  scheduledFor: Nullable({ ...WireTime, description: "When the schedule's fire was due by its cron expression." }),
  modelId: Nullable(WireId('model')),
  modelLabel: Nullable(Type.String()),
  error: Nullable(RunErrorWire),
  usage: UsageWire,
  cost: WireUsd,
  budget: Nullable(WireUsd),
  createdAt: WireTime,
  startedAt: Nullable(WireTime),
  completedAt: Nullable(WireTime),
  duration: Nullable(Type.Integer({ description: 'Milliseconds from start to end.' })),
}

/** A run as lists and `run_update` events show it: without the fields that can be large. */
export const RunSummaryWire = wire('RunSummary', slim)

export const RunWire = wire('Run', {
  ...slim,
  input: JsonObject,
  config: JsonObject,
  metadata: JsonObject,
  output: Type.Unknown({ description: 'What the agent returned with `output`; null until then.' }),
  report: Nullable(Type.String()),
})

export function toRunSummaryWire(run: RunSummary): Static<typeof RunSummaryWire> {
  return toStoredSummary(run)
}

/** The summary with the texts of its error as they are stored: what the journal and the outbox keep. */
export function toStoredSummary(run: Omit<RunSummary, 'seal'>): Static<typeof RunSummaryWire> {
  return {
    id: toWireId('run', run.id),
    agentId: toWireId('agent', run.agentId),
    agent: run.agentName,
    version: run.version,
    status: run.status,
    endUserId: toWireIdOrNull('eu', run.endUserId),
    userId: run.userId,
    apiKeyId: toWireIdOrNull('key', run.apiKeyId),
    scheduleId: toWireIdOrNull('sched', run.scheduleId),
    scheduledFor: toWireTime(run.scheduledFor),
    modelId: toWireIdOrNull('model', run.modelRowId),
    modelLabel: run.model?.label ?? null,
    error: run.error === null ? null : toErrorWire(run.error),
    usage: run.usage,
    cost: trimUsd(run.costUsd),
    budget: run.budgetUsd === null ? null : trimUsd(run.budgetUsd),
    createdAt: toWireTime(run.createdAt),
    startedAt: toWireTime(run.startedAt),
    completedAt: toWireTime(run.completedAt),
    duration:
      run.startedAt === null || run.completedAt === null ? null : run.completedAt.getTime() - run.startedAt.getTime(),
  }
}

export function toRunWire(run: Run): Static<typeof RunWire> {
  return {
    ...toRunSummaryWire(run),
    input: run.input,
    config: run.config,
    metadata: run.metadata,
    output: run.output,
    report: run.report,
  }
}

export const RunLogWire = wire('RunLog', {
  id: WireId('evt'),
  runId: WireId('run'),
  seq: Type.Integer({ description: "Position in the run's journal, ascending." }),
  type: Type.String(),
  level: OneOf(['debug', 'info', 'warn', 'error']),
  event: Type.String(),
  message: Nullable(Type.String()),
  data: Type.Unknown(),
  createdAt: WireTime,
})

export interface RunLog {
  readonly id: string
  readonly runId: string
  readonly seq: number
  readonly type: string
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly event: string
  readonly message: string | null
  readonly data: unknown
  readonly createdAt: Date
}

export function toRunLogWire(log: RunLog): Static<typeof RunLogWire> {
  return {
    ...log,
    id: toWireId('evt', log.id),
    runId: toWireId('run', log.runId),
    createdAt: toWireTime(log.createdAt),
  }
}

function toErrorWire({ code, message, reasons }: NonNullable<Run['error']>): Static<typeof RunErrorWire> {
  return { code, message, ...(reasons === undefined ? {} : { reasons: [...reasons] }) }
}

/** An amount as it is shown: `numeric(20, 10)` comes with all its digits. */
export function trimUsd(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}
