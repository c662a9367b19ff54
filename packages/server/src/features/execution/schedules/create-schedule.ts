import { Type } from 'typebox'
import type { KeyCaller, UserCaller } from '../../../platform/access/caller.ts'
import { created, endpoint, largeBodyBytes, type Call } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { newUuid, toWireId } from '../../../platform/ids/id.ts'
import { contentSeals, holdEndUser } from '../../accounts/end-users/index.ts'
import { refuseOverQuota } from '../../accounts/quotas/index.ts'
import { checkSchedule, holdModelOf } from './check-schedule.ts'
import { afterFire } from './firing/plan-fires.ts'
import { readNewSettings } from './read-settings.ts'
import { sealSettings, unsealSettings } from './schedule-content.ts'
import { insertSchedule } from './schedule-store.ts'
import {
  describeChange,
  scheduleRequestFields,
  ScheduleWire,
  toScheduleWire,
  type ScheduleRequest,
} from './schedule-wire.ts'
import { schedulesMax } from './schedule.ts'

export const createSchedule = endpoint({
  route: 'POST /api/schedules',
  summary: 'Create a schedule',
  description:
    'Runs the agent at every time that the cron expression matches in the time zone. ' +
    'With `Appstrate-User`, the schedule and its runs belong to that end-user.',
  caller: 'application',
  permission: 'schedules:write',
  alsoRequires: ['agents:run'],
  forEndUsers: true,
  limit: 'create',
  idempotency: 'supported',
  audit: 'schedule.created',
  body: Type.Object({
    agentId: Type.String({ minLength: 1, maxLength: 200, description: '`agent_…` or `@scope/name`.' }),
    ...scheduleRequestFields,
  }),
  bodyBytesMax: largeBodyBytes,
  returns: { 201: ScheduleWire },
  fails: ['agent-not-found', 'agent-version-not-found', 'model-not-found', 'too-many-schedules', 'quota-exceeded'],
  async handle(call) {
    const { agentId, ...request } = call.body
    return createScheduleOf(call, agentId, request)
  },
})

type CreateCall = Pick<
  Call<'application', never, Record<never, never>, never>,
  'db' | 'scope' | 'platform' | 'now' | 'changeOnce'
> & {
  readonly caller: UserCaller | KeyCaller
}

/**
 * Creates a schedule of an agent, and returns the reply. Throws what `checkSchedule` throws, model-not-found and
 * too-many-schedules.
 */
export async function createScheduleOf(call: CreateCall, agentReference: string, request: ScheduleRequest) {
  const { db, scope, caller, now, changeOnce, platform } = call
  const settings = readNewSettings(request)
  const agent = await checkSchedule(call, scope, { agentReference, settings })
  const id = newUuid()
  const next = settings.enabled ? afterFire({ ...settings, id }, now, now) : { nextRunAt: null, dueAt: null }
  const seal = await platform.use(contentSeals).of(db, scope)
  const userId = caller.kind === 'user' ? caller.userId : null
  const reply = await changeOnce(
    async (tx) => {
      await holdEndUser(tx, scope)
      await holdModelOf(tx, scope, settings)
      const sealed = sealSettings(seal, settings)
      const stored = await insertSchedule(tx, scope, { id, agentId: agent.id, userId, settings: sealed, next, now })
      const made = foundOr(stored, 'too-many-schedules', {
        detail: `The application has ${schedulesMax} schedules, which is the maximum: delete one first.`,
      })
      await refuseOverQuota(tx, platform, { scope, added: { schedules: 1 } })
      return unsealSettings(seal, made)
    },
    {
      describe: (made) => describeChange(undefined, made),
      reply: (made) => created(toScheduleWire(made), `/api/schedules/${toWireId('sched', made.id)}`),
    },
  )
  platform.wake.wake('schedules', '')
  return reply
}
