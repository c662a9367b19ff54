import { Type, type Static } from 'typebox'
import type { AuditSubject } from '../../../platform/audit/audit.ts'
import { changesBetween } from '../../../platform/audit/changes.ts'
import {
  JsonObject,
  Nullable,
  OneOf,
  toWireTime,
  wire,
  WireId,
  WireTime,
  WireUsd,
  NameText,
} from '../../../platform/http/wire.ts'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import { budgetPattern, runRequestFields, trimUsd } from '../runs/index.ts'
import type { ListedSchedule } from './listed-schedule.ts'
import {
  fireOutcomes,
  missedFiresChoices,
  overlapChoices,
  type Fire,
  type Schedule,
  type ScheduleSummary,
} from './schedule.ts'

const cronText =
  'Cron expression: minute, hour, day of month, month, day of week; or `@hourly`, `@daily`, `@weekly`, `@monthly`, ' +
  '`@yearly`.'
const missedText =
  'What happens to fires that were missed by more than a minute because no server ran: ' +
  '`skip` only records them, `run-once` runs the last one, `run-all` runs up to the last 100.'
const overlapText =
  'What happens to a fire while a run of the schedule has not ended: ' +
  '`allow` starts another run, `skip` drops the fire, ' +
  '`queue` keeps one fire waiting until the run ends, `cancel-previous` cancels the run.'

/** The timing of a schedule in requests. */
export const ruleFields = {
  cronExpression: Type.String({ minLength: 1, maxLength: 200, description: cronText, examples: ['0 9 * * MON-FRI'] }),
  timezone: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      default: 'UTC',
      description: 'IANA name of the time zone in which the expression is evaluated.',
      examples: ['Europe/Berlin'],
    }),
  ),
}

const settingFields = {
  name: Type.Optional(Nullable(NameText(200))),
  enabled: Type.Optional(
    Type.Boolean({
      default: true,
      description: 'Whether the schedule fires. Enabling it does not catch up on missed fires.',
    }),
  ),
  input: runRequestFields.input,
  config: runRequestFields.config,
  modelId: Type.Optional(
    Nullable(WireId('model', "Model of the runs; replaces the agent's or the organization's default model.")),
  ),
  version: Type.Optional(
    Nullable(
      Type.String({
        minLength: 5,
        maxLength: 64,
        description: 'An exact version of the agent; null means the version that is installed when the schedule fires.',
      }),
    ),
  ),
  budget: Type.Optional(
    Nullable(
      Type.String({
        pattern: budgetPattern,
        description: 'Each run stops after the model call that reaches this cost, in USD.',
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
      description: 'Spreads the fires: each starts up to this many seconds late, but always before the next one.',
    }),
  ),
}

/** The fields of a new schedule in requests, except its agent. */
export const ScheduleRequest = Type.Object({ ...ruleFields, ...settingFields })
export type ScheduleRequest = Static<typeof ScheduleRequest>
export const scheduleRequestFields = { ...ruleFields, ...settingFields }

export const SchedulePatch = Type.Partial(Type.Object(scheduleRequestFields))
export type SchedulePatch = Static<typeof SchedulePatch>

const summaryFields = {
  id: WireId('sched'),
  agentId: WireId('agent'),
  agent: Type.String({ description: 'The name of the agent as `@scope/name`.' }),
  name: Nullable(Type.String()),
  enabled: Type.Boolean(),
  cronExpression: Type.String({ description: cronText }),
  timezone: Type.String(),
  modelId: Nullable(WireId('model')),
  version: Nullable(Type.String()),
  budget: Nullable(WireUsd),
  endUserId: Nullable(WireId('eu', 'The end-user to whom the schedule and its runs belong.')),
  missedFires: OneOf(missedFiresChoices, { description: missedText }),
  overlap: OneOf(overlapChoices, { description: overlapText }),
  jitterSeconds: Type.Integer(),
  nextRunAt: Nullable({
    ...WireTime,
    description: 'The next fire by the expression, without jitter; null while the schedule is disabled.',
  }),
  lastRunAt: Nullable(WireTime),
  createdAt: WireTime,
  updatedAt: WireTime,
}

export const ScheduleWire = wire('Schedule', { ...summaryFields, input: JsonObject, config: JsonObject })

/** A schedule in a list: with the contents that the request includes. */
export const ScheduleListItemWire = wire('ScheduleListItem', {
  ...summaryFields,
  input: Type.Optional(JsonObject),
  config: Type.Optional(JsonObject),
})

export function toScheduleWire(schedule: Schedule): Static<typeof ScheduleWire> {
  return { ...toSummaryWire(schedule), input: schedule.input, config: schedule.config }
}

export function toScheduleListItemWire(schedule: ListedSchedule): Static<typeof ScheduleListItemWire> {
  const { input, config } = schedule
  return {
    ...toSummaryWire(schedule),
    ...(input === undefined ? {} : { input }),
    ...(config === undefined ? {} : { config }),
  }
}

function toSummaryWire(schedule: ScheduleSummary) {
  return {
    id: toWireId('sched', schedule.id),
    agentId: toWireId('agent', schedule.agentId),
    agent: schedule.agentName,
    name: schedule.name,
    enabled: schedule.enabled,
    cronExpression: schedule.cronExpression,
    timezone: schedule.timezone,
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
  scheduledFor: { ...WireTime, description: 'The time of the fire by the expression, without jitter.' },
  through: Nullable({
    ...WireTime,
    description: 'The last fire, if the entry stands for several missed fires; null if it stands for one.',
  }),
  outcome: OneOf(fireOutcomes, {
    description:
      '`queued`: the fire waits for the previous run to end. `failed`: it could not start; the run has the reasons.',
  }),
  runId: Nullable(WireId('run')),
  firedAt: { ...WireTime, description: 'When the server handled the fire.' },
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

/** The next fires of a rule. */
export const SchedulePreviewWire = wire('SchedulePreview', {
  cronExpression: Type.String(),
  timezone: Type.String(),
  fires: Type.Array(WireTime, { description: 'The next fires by the expression, without jitter.' }),
})

// Times that follow from the other fields are not recorded.
const unrecorded = { updatedAt: null, createdAt: null, nextRunAt: null, lastRunAt: null }

/** The audit entry of a change. It excludes the content of runs, because audit entries outlive the schedule. */
export function describeChange(before: Schedule | undefined, after: Schedule): AuditSubject {
  const show = (schedule: Schedule | undefined) =>
    schedule === undefined ? {} : { ...toScheduleWire(schedule), ...unrecorded }
  return {
    resourceId: toWireId('sched', after.id),
    changes: changesBetween(show(before), show(after), {
      secret: after.endUserId === null ? ['input', 'config'] : ['name', 'input', 'config'],
    }),
  }
}
