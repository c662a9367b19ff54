import { Type, type Static } from 'typebox'
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
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import { budgetPattern, runRequestFields, trimUsd } from '../runs/index.ts'
import { fireOutcomes, missedFiresChoices, overlapChoices, type Fire, type Schedule } from './schedule.ts'

const cronText =
  'Minute, hour, day of month, month, day of week; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.'
const missedText =
  'Fires that were more than a minute late because no server ran: note them, run the last one, or run up to the last 100.'
const overlapText =
  'A fire while a run of the schedule has not ended: start it too, skip it, let one fire wait for the end, or cancel the run.'

/** The timing of a schedule, as requests give it. */
export const ruleFields = {
  cronExpression: Type.String({ minLength: 1, maxLength: 200, description: cronText, examples: ['0 9 * * MON-FRI'] }),
  timezone: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      default: 'UTC',
      description: 'IANA name; the clock that the expression is read on.',
      examples: ['Europe/Berlin'],
    }),
  ),
}

const settingFields = {
  name: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 200, pattern: '\\S' }))),
  enabled: Type.Optional(Type.Boolean({ default: true, description: 'Enabling does not fire the past.' })),
  input: runRequestFields.input,
  config: runRequestFields.config,
  modelId: Type.Optional(Nullable(WireId('model', "Instead of the agent's or the organization's default model."))),
  version: Type.Optional(
    Nullable(
      Type.String({
        minLength: 5,
        maxLength: 64,
        description: 'An exact version of the agent; null: the one that is installed when it fires.',
      }),
    ),
  ),
  budget: Type.Optional(
    Nullable(
      Type.String({
        pattern: budgetPattern,
        description: 'Each run ends after the model call with which it has cost this much, in USD.',
        examples: ['0.50'],
      }),
    ),
  ),
  missedFires: Type.Optional(OneOf(missedFiresChoices, { description: `${missedText} \`skip\` when absent.` })),
  overlap: Type.Optional(OneOf(overlapChoices, { description: `${overlapText} \`allow\` when absent.` })),
  jitterSeconds: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 3600,
      default: 0,
      description: 'Spreads the fires: each is up to so many seconds late, and always before the next one.',
    }),
  ),
}

/** What a request says of a new schedule, beside its agent. */
export const ScheduleRequest = Type.Object({ ...ruleFields, ...settingFields })
export type ScheduleRequest = Static<typeof ScheduleRequest>
export const scheduleRequestFields = { ...ruleFields, ...settingFields }

export const SchedulePatch = Type.Partial(Type.Object(scheduleRequestFields))
export type SchedulePatch = Static<typeof SchedulePatch>

export const ScheduleWire = wire('Schedule', {
  id: WireId('sched'),
  agentId: WireId('agent'),
  agent: Type.String({ description: '`@scope/name`.' }),
  name: Nullable(Type.String()),
  enabled: Type.Boolean(),
  cronExpression: Type.String({ description: cronText }),
  timezone: Type.String(),
  input: JsonObject,
  config: JsonObject,
  modelId: Nullable(WireId('model')),
  version: Nullable(Type.String()),
  budget: Nullable(WireUsd),
  endUserId: Nullable(WireId('eu', 'The end-user whose schedule it is, and whose its runs are.')),
  missedFires: OneOf(missedFiresChoices, { description: missedText }),
  overlap: OneOf(overlapChoices, { description: overlapText }),
  jitterSeconds: Type.Integer(),
  nextRunAt: Nullable({
    ...WireTime,
    description: 'The next fire by the expression, without jitter; null while it is disabled.',
  }),
  lastRunAt: Nullable(WireTime),
  createdAt: WireTime,
  updatedAt: WireTime,
})

export function toScheduleWire(schedule: Schedule): Static<typeof ScheduleWire> {
  return {
    id: toWireId('sched', schedule.id),
    agentId: toWireId('agent', schedule.agentId),
    agent: schedule.agentName,
    name: schedule.name,
    enabled: schedule.enabled,
    cronExpression: schedule.cronExpression,
    timezone: schedule.timezone,
    input: schedule.input,
    config: schedule.config,
    modelId: toWireIdOrNull('model', schedule.modelId),
    version: schedule.version,
    budget: schedule.budgetUsd === null ? null : trimUsd(schedule.budgetUsd),
    endUserId: toWireIdOrNull('eu', schedule.endUserId),
    missedFires: schedule.missedFires,
    overlap: schedule.overlap,
    jitterSeconds: schedule.jitterSeconds,
    nextRunAt: toWireTime(schedule.nextRunAt),
    lastRunAt: toWireTime(schedule.lastRunAt),
    createdAt: toWireTime(schedule.createdAt),
    updatedAt: toWireTime(schedule.updatedAt),
  }
}

export const ScheduleFireWire = wire('ScheduleFire', {
  scheduledFor: { ...WireTime, description: 'By the expression, without jitter.' },
  through: Nullable({
    ...WireTime,
    description: 'The last of several missed fires that the entry stands for; null: it stands for one.',
  }),
  outcome: OneOf(fireOutcomes, {
    description: '`queued` waits for the run before it; `failed` could not start: the run has the reasons.',
  }),
  runId: Nullable(WireId('run')),
  firedAt: { ...WireTime, description: 'When the server dealt with it.' },
})

export function toScheduleFireWire(fire: Fire): Static<typeof ScheduleFireWire> {
  return {
    scheduledFor: toWireTime(fire.scheduledFor),
    through: toWireTime(fire.through),
    outcome: fire.outcome,
    runId: toWireIdOrNull('run', fire.runId),
    firedAt: toWireTime(fire.firedAt),
  }
}

/** When a rule fires next. */
export const SchedulePreviewWire = wire('SchedulePreview', {
  cronExpression: Type.String(),
  timezone: Type.String(),
  fires: Type.Array(WireTime, { description: 'By the expression, without jitter.' }),
})
