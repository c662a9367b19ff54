import { Problem, problemRow } from '../../../../platform/problems/problem.ts'
import { toWireId } from '../../../../platform/ids/id.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { contentSeals, type ContentSeal } from '../../../accounts/end-users/index.ts'
import { findInstalledAgent, type Agent, type AgentVersion } from '../../../catalog/agents/index.ts'
import { prepareRun, type PreparedRun, type RunError, type RunRequest } from '../../runs/index.ts'
import { unsealSchedule } from '../schedule-content.ts'
import { runRequestOf } from '../schedule.ts'
import type { DueSchedule } from './firing-store.ts'
import { afterFire, planFires, type FirePlan } from './plan-fires.ts'

type Preparing = Pick<Platform, 'db' | 'use' | 'config' | 'problems'>

/** How a schedule's run would start: ready; refused with reasons for a failed run; or without an agent. */
export type PreparedStart =
  | { readonly kind: 'ready'; readonly prepared: PreparedRun }
  | {
      readonly kind: 'refused'
      readonly agent: Agent
      readonly version: AgentVersion
      readonly request: RunRequest
      readonly error: RunError
      readonly seal: ContentSeal
    }
  | { readonly kind: 'agent-gone' }

/** A schedule with its planned fires, prepared before anything is locked. */
export interface PreparedSchedule {
  readonly schedule: DueSchedule
  readonly plan: FirePlan
  /** Undefined when there is nothing to start. */
  readonly start: PreparedStart | undefined
}

export async function prepareFires(platform: Preparing, schedule: DueSchedule, now: Date): Promise<PreparedSchedule> {
  // Advances all the same, so that nothing is caught up after the suspension.
  if (schedule.isSuspended) return { schedule, plan: { fires: [], ...afterFire(schedule, now, now) }, start: undefined }
  const plan = planFires(schedule, now)
  const isStarting = schedule.queuedFor !== null || plan.fires.some(({ kind }) => kind === 'run')
  return { schedule, plan, start: isStarting ? await prepareStart(platform, schedule) : undefined }
}

async function prepareStart(platform: Preparing, schedule: DueSchedule): Promise<PreparedStart> {
  const { db } = platform
  const reference = toWireId('agent', schedule.agentId)
  const request = runRequestOf(await unsealSchedule(platform, schedule))
  try {
    return { kind: 'ready', prepared: await prepareRun({ db, platform, scope: schedule }, reference, request) }
  } catch (error) {
    // Too many schema checks of the organization are waiting: the schedule fires in a later round.
    if (!(error instanceof Problem) || error.code === 'rate-limited') throw error
    // The failed run refers to the installed version, because the schedule's version may not exist.
    const installed = await findInstalledAgent(db, schedule, { reference, version: undefined })
    if ('missing' in installed) return { kind: 'agent-gone' }
    return {
      kind: 'refused',
      ...installed,
      request,
      error: toRunError(platform, error),
      seal: await platform.use(contentSeals).of(db, schedule),
    }
  }
}

function toRunError({ problems }: Preparing, { code, options }: Problem): RunError {
  const reasons = options.errors?.map(({ pointer, message: reason }) => ({ pointer, message: reason }))
  const message = options.detail ?? problemRow(problems, code).title
  return { code, message, ...(reasons === undefined ? {} : { reasons }) }
}
