import type { Platform } from '../../../platform/platform.ts'
import type { WebhookScope } from './delivery-store.ts'
import { beginSeries, listGivenUp, type Period } from './redelivery-store.ts'

const batchMax = 500
const recoveredMax = 10_000
const beforeAll = '00000000-0000-0000-0000-000000000000'

/** Begins a new series of attempts for the failed events of a period, with one transaction per batch. */
export async function recoverBatches(
  { db }: Platform,
  scope: WebhookScope,
  period: Period,
): Promise<{ recovered: number; more: boolean }> {
  let [recovered, after] = [0, beforeAll]
  while (recovered < recoveredMax) {
    const eventIds = await listGivenUp(db, scope, {
      ...period,
      after,
      limit: Math.min(batchMax, recoveredMax - recovered),
    })
    const last = eventIds.at(-1)
    if (last === undefined) return { recovered, more: false }
    recovered += (await db.transaction().execute((tx) => beginSeries(tx, eventIds))).length
    after = last
  }
  return { recovered, more: (await listGivenUp(db, scope, { ...period, after, limit: 1 })).length > 0 }
}
