import { randomBytes } from 'node:crypto'
import { problem, type InvalidPart } from '../../../platform/problems/problem.ts'
import { grantablePermissions } from '../access/index.ts'

export interface ApiKey {
  readonly id: string
  readonly name: string
  /** The first characters of the secret, by which people recognise it. */
  readonly keyPrefix: string
  readonly scopes: readonly string[]
  readonly createdBy: string
  readonly createdByName: string
  readonly expiresAt: Date | null
  /** Noted up to a minute later. */
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
  /** When the secret was replaced last. */
  readonly rotatedAt: Date | null
  /** Until when the secret before works; also when that is over. */
  readonly previousExpiresAt: Date | null
  readonly createdAt: Date
}

/** A new secret: 192 random bits. */
export function newSecret(): string {
  return `ask_${randomBytes(24).toString('hex')}`
}

/** The part of a secret that may be shown again. */
export function prefixOf(secret: string): string {
  return secret.slice(0, 8)
}

/** What somebody with these permissions can hand on to an API key. */
export function scopesWithin(permissions: ReadonlySet<string>): string[] {
  return grantablePermissions.filter((permission) => permissions.has(permission))
}

/** One mistake for each scope that can't be handed on. */
export function findScopeMistakes(scopes: readonly string[], permissions: ReadonlySet<string>): InvalidPart[] {
  const allowed = new Set(scopesWithin(permissions))
  return scopes.flatMap((scope, index) =>
    allowed.has(scope)
      ? []
      : [
          {
            pointer: `/scopes/${index}`,
            message: 'is not a scope that you can give: see GET /api/api-keys/available-scopes',
            code: 'scope',
          },
        ],
  )
}

/** A mistake when a key would be born expired. */
export function findExpiryMistakes(expiresAt: Date | null, now: Date): InvalidPart[] {
  return expiresAt === null || expiresAt > now
    ? []
    : [{ pointer: '/expiresAt', message: 'must be in the future', code: 'future' }]
}

/** Refuses a new secret for a key that is over, and to somebody who could not have made the key: the secret would give them its scopes. */
export function refuseRotation(
  apiKey: ApiKey,
  { permissions, now }: { permissions: ReadonlySet<string>; now: Date },
): void {
  if (apiKey.scopes.some((scope) => grantablePermissions.includes(scope) && !permissions.has(scope)))
    throw problem('forbidden', { detail: 'The key has scopes that you can not give.' })
  if (apiKey.expiresAt !== null && apiKey.expiresAt <= now)
    throw problem('api-key-expired', { detail: 'The key has expired: create another one.' })
}
