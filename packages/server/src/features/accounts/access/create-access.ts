import type { Access, Caller, Credentials } from '../../../platform/access/caller.ts'
import { problem } from '../../../platform/problems/problem.ts'
import type { Platform } from '../../../platform/platform.ts'
import { isAdministrator } from '../administrators/index.ts'
import { findOrganizationOf } from '../applications/index.ts'
import { endUserExists } from '../end-users/index.ts'
import { findMembership } from '../organizations/index.ts'
import { findSessionUser } from '../sign-in/index.ts'
import { keyDirectory } from './key-directory.ts'

/** Identifies callers by session or API key, for the HTTP layer. */
export function createAccess(platform: Pick<Platform, 'db' | 'permissions' | 'use'>): Access {
  return {
    identify: (credentials) => identify(platform, credentials),
    async findMembership(userId, organizationId) {
      const membership = await findMembership(platform.db, userId, organizationId)
      return membership === undefined
        ? undefined
        : { ...membership, permissions: platform.permissions.of(membership.role) }
    },
    isAdministrator: (userId) => isAdministrator(platform.db, userId),
    findOrganizationOf: (applicationId) => findOrganizationOf(platform.db, applicationId),
    hasEndUser: (applicationId, endUserId) => endUserExists(platform.db, applicationId, endUserId),
  }
}

// A key is checked before the cookie. A wrong key is refused, even if the request has a valid cookie too.
async function identify(platform: Pick<Platform, 'use'>, { headers, bearer }: Credentials): Promise<Caller> {
  if (bearer === undefined) {
    const user = await findSessionUser(platform, headers())
    return user === undefined ? { kind: 'anonymous' } : { kind: 'user', ...user }
  }
  const caller = await platform.use(keyDirectory).find(bearer)
  if (caller !== undefined) return caller
  throw problem('unauthorized', { detail: 'The API key is not valid: it is unknown, revoked or expired.' })
}
