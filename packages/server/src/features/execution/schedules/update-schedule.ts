import type { Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { endpoint, largeBodyBytes, ok, type Call } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { contentSeals } from '../../accounts/end-users/index.ts'
import { checkSchedule, holdModelOf } from './check-schedule.ts'
import { findRuleMistakes, nextFire } from './cron-expression.ts'
import { cancelQueuedFire, findLastFire } from './fire-store.ts'
import { readChangedSettings } from './read-settings.ts'
import { sealSettings, unsealSettings } from './schedule-content.ts'
import { findSchedule, lockSchedule, saveSchedule, type NextFire } from './schedule-store.ts'
import { describeChange, SchedulePatch, ScheduleWire, toScheduleWire } from './schedule-wire.ts'
import type { Schedule, ScheduleSettings } from './schedule.ts'

export const updateSchedule = endpoint({
  route: 'PATCH /api/schedules/:scheduleId',
  summary: 'Change a schedule',
  description:
    'A changed expression or time zone applies from now on, and so does enabling: missed fires are not caught up. ' +
    'Disabling drops a queued fire.',
  caller: 'application',
  permission: 'schedules:write',
  alsoRequires: ['agents:run'],
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'schedule.updated',
  params: { scheduleId: { id: 'sched', missing: 'schedule-not-found' } },
  body: SchedulePatch,
  bodyBytesMax: largeBodyBytes,
  returns: { 200: ScheduleWire },
  fails: ['agent-not-found', 'agent-version-not-found', 'model-not-found'],
  async handle(call) {
    const { params, body, scope, now, change, platform } = call
    await checkAgentOf(call)
    const { after } = await change(
      async (tx) => {
        const locked = foundOr(await lockSchedule(tx, scope, params.scheduleId), 'schedule-not-found')
        const seal = await platform.use(contentSeals).of(tx, locked)
        const before = unsealSettings(seal, locked)
        const settings = readChangedSettings(before, body)
        refuseInvalid(findRuleMistakes(settings))
        if (body.modelId !== undefined) await holdModelOf(tx, scope, settings)
        if (!settings.enabled) await cancelQueuedFire(tx, scope, before.id)
        const next = await findNext(tx, scope, { before, settings, now })
        return {
          before,
          after: unsealSettings(
            seal,
            await saveSchedule(tx, scope, { id: before.id, settings: sealSettings(seal, settings), next, now }),
          ),
        }
      },
      ({ before, after }) => describeChange(before, after),
    )
    platform.wake.wake('schedules', '')
    return ok(toScheduleWire(after))
  },
})

interface Change {
  readonly before: Schedule
  readonly settings: ScheduleSettings
}

type UpdateCall = Pick<
  Call<'application', 'scheduleId', Record<never, never>, never>,
  'params' | 'db' | 'scope' | 'platform'
> & { readonly body: SchedulePatch }

// Before the transaction, because the check can wait for others. The agent can change at any time after it too: each
// fire checks again. Skipped where possible: a schedule can be disabled even if its agent is gone or refuses its input.
async function checkAgentOf({ params, body, db, scope, platform }: UpdateCall): Promise<void> {
  const stored = foundOr(await findSchedule(db, scope, params.scheduleId), 'schedule-not-found')
  const before = unsealSettings(await platform.use(contentSeals).of(db, stored), stored)
  const settings = readChangedSettings(before, body)
  const concernsAgent =
    body.input !== undefined ||
    (body.version !== undefined && body.version !== null) ||
    (settings.enabled && !before.enabled)
  if (!concernsAgent) return
  await checkSchedule({ db, platform }, scope, { agentReference: toWireId('agent', before.agentId), settings })
}

// Due now: the next round computes the rest, and starts a queued fire that became ready during this change.
async function findNext(tx: Tx, scope: AppScope, { before, settings, now }: Change & { now: Date }): Promise<NextFire> {
  if (!settings.enabled) return { nextRunAt: null, dueAt: null }
  const isSameRule = settings.cronExpression === before.cronExpression && settings.timezone === before.timezone
  if (isSameRule && before.enabled) return { nextRunAt: before.nextRunAt, dueAt: now }
  const last = await findLastFire(tx, scope, before.id)
  return { nextRunAt: nextFire(settings, last !== null && last > now ? last : now), dueAt: now }
}
