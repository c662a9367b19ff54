import { job } from '../../../platform/jobs/job.ts'
import { deleteExpired } from './sign-in-store.ts'

const batchMax = 1000

/** Deletes expired sessions, links and challenges: the auth library deletes them only when they are read. */
export const deleteExpiredSessions = job({
  name: 'delete-expired-sessions',
  everyMs: 3_600_000,
  wakes: [],
  async run({ db, clock }) {
    const counts = await deleteExpired(db, { now: clock.now(), batchMax })
    return counts.includes(batchMax)
  },
})
