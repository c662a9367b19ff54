import type { Platform } from '../../../../platform/platform.ts'
import { lockOrder, releaseNext } from './order-store.ts'
import { endWaiting, listWaiting } from './outcome-store.ts'

const batchMax = 500
const webhookDisabled = 'The webhook was disabled.'

/** Ends waiting attempts of a disabled webhook, at most `batchMax` per call. Returns true when there may be more. */
export async function endWaitingOf(platform: Platform, webhookId: string): Promise<boolean> {
  const waiting = await listWaiting(platform.db, webhookId, batchMax)
  if (waiting.length === 0) return false
  await platform.db.transaction().execute(async (tx) => {
    const eventIds = waiting.map(({ eventId }) => eventId)
    await lockOrder(tx, eventIds)
    await endWaiting(
      tx,
      waiting.map(({ id }) => id),
      webhookDisabled,
    )
    await releaseNext(tx, eventIds)
  })
  return waiting.length === batchMax
}
