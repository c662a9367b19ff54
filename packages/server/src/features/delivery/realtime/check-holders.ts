import type { RealtimeHub } from './realtime-hub.ts'
import { findMemberships, findValidKeys } from './realtime-store.ts'
import type { Subscriber } from './subscriber.ts'

/** Ends the streams whose API key is not valid any more, or whose user has left the organization. */
export async function endStreamsWithoutRights(hub: RealtimeHub, subscribers: Iterable<Subscriber>, now: Date): Promise<void> {
  const all = [...subscribers]
  if (all.length === 0) return
  const keyIds = new Set(all.flatMap(({ holder }) => ('keyId' in holder ? [holder.keyId] : [])))
  const userIds = new Set(all.flatMap(({ holder }) => ('userId' in holder ? [holder.userId] : [])))
  const keys = await hub.read((db) => findValidKeys(db, [...keyIds], now))
  const memberships = await hub.read((db) => findMemberships(db, [...userIds]))
  for (const subscriber of all) {
    const { holder, source } = subscriber
    const isValid = 'keyId' in holder ? keys.has(holder.keyId) : memberships.has(`${source.organizationId}:${holder.userId}`)
    if (!isValid) subscriber.end()
  }
}
