import { job } from '../../../platform/jobs/job.ts'
import { deleteNotificationsBefore } from './notification-store.ts'

const keptMs = 90 * 86_400_000
const batchMax = 1000

/** Deletes notifications older than 90 days, with their read marks. */
export const deleteOldNotifications = job({
  name: 'delete-old-notifications',
  everyMs: 3_600_000,
  wakes: [],
  async run({ db, clock }) {
    const before = new Date(clock.now().getTime() - keptMs)
    return (await deleteNotificationsBefore(db, before, batchMax)) === batchMax
  },
})
