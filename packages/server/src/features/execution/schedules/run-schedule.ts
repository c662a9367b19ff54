import { violatesUnique } from '../../../platform/db/database.ts'
import { accepted, endpoint, type Call } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { holdEndUser } from '../../accounts/end-users/index.ts'
import { countRunStart } from '../../accounts/quotas/index.ts'
import {
  findRepeatedRun,
  insertPreparedRun,
  originOf,
  prepareRun,
  roomLimitOf,
  runRoom,
  RunWire,
  tooManyRuns,
  toRunWire,
  type Run,
} from '../runs/index.ts'
import { unsealSchedule } from './schedule-content.ts'
import { findSchedule, lockSchedule, saveLastRun } from './schedule-store.ts'
import { runRequestOf } from './schedule.ts'

export const runSchedule = endpoint({
  route: 'POST /api/schedules/:scheduleId/run',
  summary: 'Run a schedule now',
  description:
    'Starts a run like a fire of the schedule, even while the schedule is disabled, and ignores its `overlap`. ' +
    "The run belongs to the schedule's end-user.",
  caller: 'application',
  permission: 'agents:run',
  alsoRequires: ['schedules:read'],
  forEndUsers: true,
  limit: 'runs',
  idempotency: 'supported',
  secretReply: true,
  audit: 'schedule.fired',
  params: { scheduleId: { id: 'sched', missing: 'schedule-not-found' } },
  returns: { 202: RunWire },
  fails: ['agent-not-found', 'agent-version-not-found', 'run-not-ready', ...tooManyRuns],
  async handle(call) {
    const run = await runNow(call)
    call.platform.wake.wake('runs', '')
    call.platform.wake.wake('events', `${run.applicationId}:${run.id}`)
    return accepted(toRunWire(run), `/api/runs/${toWireId('run', run.id)}`)
  },
})

type RunScheduleCall = Pick<
  Call<'application', 'scheduleId', Record<never, never>, never>,
  'params' | 'db' | 'scope' | 'caller' | 'platform' | 'idempotency' | 'change' | 'now'
>

async function runNow(call: RunScheduleCall): Promise<Run> {
  const repeated = await findRepeatedRun(call)
  if (repeated !== undefined) return repeated
  try {
    return await insertRun(call)
  } catch (error) {
    const made = violatesUnique(error, 'runs_idempotency') ? await findRepeatedRun(call) : undefined
    if (made === undefined) throw error
    return made
  }
}

async function insertRun({
  params,
  db,
  scope,
  caller,
  platform,
  idempotency,
  change,
  now,
}: RunScheduleCall): Promise<Run> {
  const stored = foundOr(await findSchedule(db, scope, params.scheduleId), 'schedule-not-found')
  await countRunStart(platform, scope)
  const room = await roomLimitOf(platform, scope)
  const schedule = await unsealSchedule(platform, stored)
  const runScope = { ...scope, endUserId: schedule.endUserId }
  const prepared = await prepareRun(
    { db, platform, scope: runScope },
    toWireId('agent', schedule.agentId),
    runRequestOf(schedule),
  )
  const origin = { ...originOf(caller), scheduleId: schedule.id, scheduledFor: null }
  return change(
    async (tx) => {
      await holdEndUser(tx, runScope)
      foundOr(await lockSchedule(tx, scope, schedule.id), 'schedule-not-found')
      const admit = () => platform.use(runRoom).refuseWithoutRoom(tx, scope, room)
      const run = await insertPreparedRun(tx, runScope, { prepared, origin, idempotency, admit })
      await saveLastRun(tx, scope, { id: schedule.id, now })
      return run
    },
    (run) => ({
      resourceId: toWireId('sched', schedule.id),
      changes: { runId: { before: null, after: toWireId('run', run.id) } },
    }),
  )
}
