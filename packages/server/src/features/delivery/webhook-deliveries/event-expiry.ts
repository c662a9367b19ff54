import type { ExpiryHook } from '../../../platform/hooks/hooks.ts'
import { deleteExpiredEvents } from './event-store.ts'

/** Each may have some ten deliveries, which are deleted with it. */
const batchEventsMax = 50

/** Deletes old events of webhooks with their deliveries, except those that are still to be delivered. */
export const expireDeliveries: ExpiryHook = async (tx, expiring) => {
  const limit = Math.min(expiring.limit, batchEventsMax)
  const { events, deliveries } = await deleteExpiredEvents(tx, { ...expiring, limit })
  return { rows: events + deliveries, deleted: { deliveries } }
}
