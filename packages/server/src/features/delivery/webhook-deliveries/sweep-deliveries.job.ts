import { job } from '../../../platform/jobs/job.ts'
import type { Platform } from '../../../platform/platform.ts'
import { endWaitingOf } from './sending/end-waiting.ts'
import { listDisabledWithWaiting, removeOldEvents } from './sending/outcome-store.ts'

/** How long events and their deliveries are kept. */
const keptDays = 30
const removedMax = 500
const webhooksMax = 20

/** Ends waiting attempts of disabled webhooks, and removes old events. */
export const sweepDeliveries = job({
  name: 'sweep-deliveries',
  everyMs: 60_000,
  wakes: [],
  async run(platform) {
    const [isEnding, removed] = [
      await endDisabled(platform),
      await removeOldEvents(platform.db, { days: keptDays, limit: removedMax }),
    ]
    return isEnding || removed === removedMax
  },
})

async function endDisabled(platform: Platform): Promise<boolean> {
  const webhookIds = await listDisabledWithWaiting(platform.db, webhooksMax)
  let isMore = webhookIds.length === webhooksMax
  for (const webhookId of webhookIds) isMore = (await endWaitingOf(platform, webhookId)) || isMore
  return isMore
}
