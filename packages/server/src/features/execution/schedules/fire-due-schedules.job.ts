import { job } from '../../../platform/jobs/job.ts'
import { fireDue, restUntilDue } from './firing/fire-due.ts'

// The longest delay after a lost wake-up; it affects only a schedule that is due within this time.
const restMaxMs = 5_000

/** Fires due schedules, and then sleeps until the next one is due. */
export const fireDueSchedules = job({
  name: 'fire-due-schedules',
  everyMs: restMaxMs,
  wakes: ['schedules'],
  async run(platform, signal) {
    const round = await fireDue(platform, signal)
    return restUntilDue(platform, round, { restMaxMs, signal })
  },
})
