import { job } from '../../../platform/jobs/job.ts'
import { deletePasswordAttempts } from './passwords/password-attempt-store.ts'
import { seriesSeconds } from './passwords/password-attempts.ts'
import { deleteExpired } from './sign-in-store.ts'

const batchMax = 1000

/**
 * Deletes expired sessions, links, challenges and series of wrong passwords: the auth library deletes what has expired
 * only when it is read.
 */
export const deleteExpiredSessions = job({
  name: 'delete-expired-sessions',
  everyMs: 3_600_000,
  wakes: [],
  async run({ db, clock }) {
    const now = clock.now()
    const before = new Date(now.getTime() - seriesSeconds * 1000)
    const counts = [
      ...(await deleteExpired(db, { now, batchMax })),
      await deletePasswordAttempts(db, { before, batchMax }),
    ]
    return counts.includes(batchMax)
  },
})
