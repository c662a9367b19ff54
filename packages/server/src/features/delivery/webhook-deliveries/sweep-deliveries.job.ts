import type { Db } from '../../../platform/db/database.ts'
import { job } from '../../../platform/jobs/job.ts'
import { findDisabledWithWaiting } from './attempt-store.ts'
import { deleteOldEvents } from './event-store.ts'
import { endWaitingOf } from './record-attempt.ts'

/** How long events and their deliveries are kept. */
const keptDays = 30
const deletedMax = 500
const webhooksMax = 20

/** Ends waiting attempts of disabled webhooks, and deletes old events. */
export const sweepDeliveries = job({
  name: 'sweep-deliveries',
  everyMs: 60_000,
  wakes: [],
  async run({ db }) {
    const [isEnding, deleted] = [
      await endDisabled(db),
      await deleteOldEvents(db, { days: keptDays, limit: deletedMax }),
    ]
    return isEnding || deleted === deletedMax
  },
})

async function endDisabled(db: Db): Promise<boolean> {
  const webhookIds = await findDisabledWithWaiting(db, webhooksMax)
  let isMore = webhookIds.length === webhooksMax
  for (const webhookId of webhookIds) isMore = (await endWaitingOf(db, webhookId)) || isMore
  return isMore
}
