import type { Db } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { findKeys, heldPermissions } from '../../accounts/api-keys/index.ts'
import { findLiveApplications } from '../../accounts/applications/index.ts'
import { findEndUsers } from '../../accounts/end-users/index.ts'
import { findRoles } from '../../accounts/organizations/index.ts'
import { findOpenSessions } from '../../accounts/sign-in/index.ts'
import type { Subscriber } from './subscriber.ts'

/** What a stream needs for as long as it is open. */
const needed = 'runs:read'

export interface RightsCheck {
  readonly permissions: Platform['permissions']
  readonly now: Date
  read<T>(work: (db: Db) => Promise<T>): Promise<T>
}

/**
 * Ends the streams whose request would be refused now: the secret of their API key no longer works, their session has
 * ended, their user has left the organization, the role or the scopes lost the right to read runs, their organization
 * was suspended, their application was deleted, or their end-user was erased. Returns when the next of the other
 * streams' secrets expires, in milliseconds, or Infinity.
 */
export async function endStreamsWithoutRights(
  check: RightsCheck,
  subscribers: ReadonlySet<Subscriber>,
): Promise<number> {
  const all = [...subscribers]
  if (all.length === 0) return Infinity
  const expiryOf = await readRights(check, all)
  const applications = await check.read((db) =>
    findLiveApplications(db, [...new Set(all.map(({ source }) => source.applicationId))]),
  )
  const endUsers = await check.read((db) =>
    findEndUsers(db, [...new Set(all.flatMap(({ endUserId }) => endUserId ?? []))]),
  )
  let next = Infinity
  for (const subscriber of all) {
    const expiryMs = expiryOf(subscriber)
    const { endUserId, source } = subscriber
    const isOver = expiryMs <= check.now.getTime() || !applications.has(source.applicationId)
    if (isOver || (endUserId !== null && !endUsers.has(endUserId))) subscriber.end()
    else next = Math.min(next, expiryMs)
  }
  return next
}

/** Reads the rights of all streams together. The function returns until when a stream may continue, in milliseconds. */
async function readRights(
  { read, permissions, now }: RightsCheck,
  all: readonly Subscriber[],
): Promise<(subscriber: Subscriber) => number> {
  const hashes = new Set(all.flatMap(({ holder }) => ('secretHash' in holder ? [holder.secretHash] : [])))
  const users = all.flatMap(({ holder }) => ('userId' in holder ? [holder] : []))
  const keys = await read((db) =>
    findKeys(
      db,
      [...hashes].map((hash) => Buffer.from(hash, 'base64')),
    ),
  )
  const roles = await read((db) => findRoles(db, [...new Set(users.map(({ userId }) => userId))]))
  const sessions = await read((db) => findOpenSessions(db, [...new Set(users.map(({ sessionId }) => sessionId))], now))
  return ({ holder, source }) => {
    if ('secretHash' in holder) {
      const key = keys.get(holder.secretHash)
      if (key === undefined || key.suspensionReason !== null) return -Infinity
      if (!heldPermissions(key, permissions).has(needed)) return -Infinity
      return key.expiresAt?.getTime() ?? Infinity
    }
    const role = roles.get(`${source.organizationId}:${holder.userId}`)
    const isAllowed = role !== undefined && permissions.of(role).has(needed) && sessions.has(holder.sessionId)
    return isAllowed ? Infinity : -Infinity
  }
}
