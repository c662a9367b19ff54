import { job } from '../../../platform/jobs/job.ts'
import { fireDue, restUntilDue } from './firing/fire-due.ts'

// A lost wake-up costs this much, and only for a schedule that is due sooner.
const restMaxMs = 5_000

/** Fires what is due, and rests until the next schedule is. */
export const fireDueSchedules = job({
  name: 'fire-due-schedules',
  everyMs: restMaxMs,
  wakes: ['schedules'],
  async run(platform, signal) {
    const round = await fireDue(platform, signal)
    return restUntilDue(platform, round, { restMaxMs, signal })
  },
})
