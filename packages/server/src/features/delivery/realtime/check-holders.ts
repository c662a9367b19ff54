import { findEndUsers } from '../../accounts/end-users/index.ts'
import { findMemberships } from '../../accounts/organizations/index.ts'
import { findOpenSessions } from '../../accounts/sign-in/index.ts'
import { findValidKeys } from '../../accounts/api-keys/index.ts'
import type { RealtimeHub } from './realtime-hub.ts'
import type { Subscriber } from './subscriber.ts'

/**
 * Ends the streams that lost their rights: their API key is no longer valid, their session has ended, their user has
 * left the organization, or their end-user was erased.
 */
export async function endStreamsWithoutRights(
  hub: RealtimeHub,
  subscribers: Iterable<Subscriber>,
  now: Date,
): Promise<void> {
  const all = [...subscribers]
  if (all.length === 0) return
  const keyIds = new Set(all.flatMap(({ holder }) => ('keyId' in holder ? [holder.keyId] : [])))
  const users = all.flatMap(({ holder }) => ('userId' in holder ? [holder] : []))
  const userIds = new Set(users.map(({ userId }) => userId))
  const keys = await hub.read((db) => findValidKeys(db, [...keyIds], now))
  const memberships = await hub.read((db) => findMemberships(db, [...userIds]))
  const sessions = await hub.read((db) =>
    findOpenSessions(db, [...new Set(users.map(({ sessionId }) => sessionId))], now),
  )
  const endUsers = await hub.read((db) =>
    findEndUsers(db, [...new Set(all.flatMap(({ endUserId }) => endUserId ?? []))]),
  )
  for (const subscriber of all) {
    const { holder, source, endUserId } = subscriber
    const isValid =
      'keyId' in holder
        ? keys.has(holder.keyId)
        : sessions.has(holder.sessionId) && memberships.has(`${source.organizationId}:${holder.userId}`)
    if (!isValid || (endUserId !== null && !endUsers.has(endUserId))) subscriber.end()
  }
}
