import { job } from '../../../platform/jobs/job.ts'
import { deleteFiresBefore } from './fire-store.ts'

const keptMs = 90 * 24 * 60 * 60_000
const batchMax = 1_000

/** Deletes the history of fires after 90 days; the runs are kept. */
export const removeOldFires = job({
  name: 'remove-old-fires',
  everyMs: 60 * 60_000,
  wakes: [],
  async run({ db, clock }) {
    const removed = await deleteFiresBefore(db, { before: new Date(clock.now().getTime() - keptMs), limit: batchMax })
    return removed === batchMax
  },
})
