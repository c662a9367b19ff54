import type { KeyCaller, UserCaller } from '../../../platform/access/caller.ts'
import type { Call } from '../../../platform/http/endpoint.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { contentSeals, holdEndUser } from '../../accounts/end-users/index.ts'
import { checkSchedule, holdModelOf } from './check-schedule.ts'
import { describeChange } from './describe-change.ts'
import { afterFire } from './firing/plan-fires.ts'
import { readNewSettings } from './read-settings.ts'
import { openWith, sealSettings } from './schedule-content.ts'
import { insertSchedule } from './schedule-store.ts'
import type { ScheduleRequest } from './schedule-wire.ts'
import type { Schedule } from './schedule.ts'

type CreateCall = Pick<
  Call<'application', never, Record<never, never>, never>,
  'db' | 'scope' | 'platform' | 'now' | 'change'
> & {
  readonly caller: UserCaller | KeyCaller
}

/** Creates a schedule of an agent. Throws what `checkSchedule` and `insertSchedule` throw, and model-not-found. */
export async function makeSchedule(
  call: CreateCall,
  agentReference: string,
  request: ScheduleRequest,
): Promise<Schedule> {
  const { db, scope, caller, now, change, platform } = call
  const settings = readNewSettings(request)
  const agent = await checkSchedule(db, scope, { agentReference, settings })
  const id = newUuid()
  const next = settings.enabled ? afterFire({ ...settings, id }, now, now) : { nextRunAt: null, dueAt: null }
  const seal = await platform.use(contentSeals).of(db, scope)
  const userId = caller.kind === 'user' ? caller.userId : null
  const schedule = await change(
    async (tx) => {
      await holdEndUser(tx, scope)
      await holdModelOf(tx, scope, settings)
      return openWith(
        seal,
        await insertSchedule(tx, scope, {
          id,
          agentId: agent.id,
          userId,
          settings: sealSettings(seal, settings),
          next,
          now,
        }),
      )
    },
    (made) => describeChange(undefined, made),
  )
  platform.wake.wake('schedules', '')
  return schedule
}
