import { Problem } from '../../../../platform/problems/problem.ts'
import { toWireId } from '../../../../platform/ids/id.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { contentSeals, type ContentSeal } from '../../../accounts/end-users/index.ts'
import { getInstalledAgent, type Agent, type AgentVersion } from '../../../catalog/agents/index.ts'
import { prepareRun, type PreparedRun, type RunError, type RunRequest } from '../../runs/index.ts'
import { runRequestOf } from '../run-request-of.ts'
import { openSchedule } from '../schedule-content.ts'
import type { DueSchedule } from './firing-store.ts'
import { planFires, type FirePlan } from './plan-fires.ts'

/** How a schedule's run would start: ready; refused with reasons for a failed run; or without an agent. */
export type Start =
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
  readonly start: Start | undefined
}

export async function prepareFires(platform: Platform, schedule: DueSchedule, now: Date): Promise<PreparedSchedule> {
  const plan = planFires(schedule, now)
  const isStarting = schedule.queuedFor !== null || plan.fires.some(({ kind }) => kind === 'run')
  return { schedule, plan, start: isStarting ? await prepareStart(platform, schedule) : undefined }
}

async function prepareStart(platform: Platform, schedule: DueSchedule): Promise<Start> {
  const { db } = platform
  const reference = toWireId('agent', schedule.agentId)
  const request = runRequestOf(await openSchedule(platform, schedule))
  try {
    return { kind: 'ready', prepared: await prepareRun({ db, platform, scope: schedule }, reference, request) }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.code === 'agent-not-found') return { kind: 'agent-gone' }
    const installed = await findInstalled(platform, schedule, reference)
    if (installed === undefined) return { kind: 'agent-gone' }
    return {
      kind: 'refused',
      ...installed,
      request,
      error: toRunError(error),
      seal: await platform.use(contentSeals).of(db, schedule),
    }
  }
}

// The failed run refers to the installed version, because the schedule's version may not exist.
async function findInstalled({ db }: Platform, schedule: DueSchedule, reference: string) {
  try {
    return await getInstalledAgent(db, schedule, { reference, version: undefined })
  } catch (error) {
    if (error instanceof Problem && error.code === 'agent-not-found') return undefined
    throw error
  }
}

function toRunError({ code, message, options }: Problem): RunError {
  const reasons = options.errors?.map(({ pointer, message: reason }) => ({ pointer, message: reason }))
  return { code, message, ...(reasons === undefined ? {} : { reasons }) }
}
