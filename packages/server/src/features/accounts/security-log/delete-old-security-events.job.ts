import { firstEntryIdAt } from '../../../platform/audit/entry-time.ts'
import { job } from '../../../platform/jobs/job.ts'
import { deleteEventsBelow } from './security-event-store.ts'

const batchMax = 1000
const keptMs = 180 * 86_400_000

/** Deletes security events after 180 days. */
export const deleteOldSecurityEvents = job({
  name: 'delete-old-security-events',
  everyMs: 3_600_000,
  wakes: [],
  async run({ db, clock }) {
    const id = firstEntryIdAt(new Date(clock.now().getTime() - keptMs))
    return (await deleteEventsBelow(db, id, batchMax)) === batchMax
  },
})
