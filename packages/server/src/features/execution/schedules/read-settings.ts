import { parseModelId } from './check-schedule.ts'
import { tidyExpression } from './cron-expression.ts'
import type { Schedule, ScheduleSettings } from './schedule.ts'
import type { SchedulePatch, ScheduleRequest } from './schedule-wire.ts'

const defaults: Omit<ScheduleSettings, 'cronExpression'> = {
  name: null,
  enabled: true,
  timezone: 'UTC',
  input: {},
  config: {},
  modelId: null,
  version: null,
  budgetUsd: null,
  missedFires: 'skip',
  overlap: 'allow',
  jitterSeconds: 0,
}

/** The settings of a new schedule. */
export function readNewSettings(request: ScheduleRequest): ScheduleSettings {
  return readSettings({ ...defaults, cronExpression: request.cronExpression }, request)
}

/** The settings of a schedule after a change. */
export function readChangedSettings(schedule: Schedule, patch: SchedulePatch): ScheduleSettings {
  return readSettings(schedule, patch)
}

function readSettings(before: ScheduleSettings, patch: SchedulePatch): ScheduleSettings {
  return {
    ...readRule(before, patch),
    ...readRunFields(before, patch),
    name: patch.name === undefined ? before.name : patch.name,
    enabled: patch.enabled ?? before.enabled,
    missedFires: patch.missedFires ?? before.missedFires,
    overlap: patch.overlap ?? before.overlap,
  }
}

function readRule(before: ScheduleSettings, patch: SchedulePatch) {
  return {
    cronExpression: tidyExpression(patch.cronExpression ?? before.cronExpression),
    timezone: patch.timezone ?? before.timezone,
    jitterSeconds: patch.jitterSeconds ?? before.jitterSeconds,
  }
}

function readRunFields(before: ScheduleSettings, { input, config, modelId, version, budget }: SchedulePatch) {
  return {
    input: input ?? before.input,
    config: config ?? before.config,
    modelId: modelId === undefined ? before.modelId : modelId === null ? null : parseModelId(modelId),
    version: version === undefined ? before.version : version,
    budgetUsd: budget === undefined ? before.budgetUsd : budget,
  }
}
