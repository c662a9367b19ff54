import { randomBytes } from 'node:crypto'
import type { InvalidPart } from '../../../platform/http/problem.ts'
import { grantablePermissions } from '../access/index.ts'

export interface ApiKey {
  readonly id: string
  readonly name: string
  /** The first characters of the secret, by which people recognise it. */
  readonly keyPrefix: string
  readonly scopes: readonly string[]
  readonly createdBy: string
  readonly expiresAt: Date | null
  /** To the minute. */
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
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
    allowed.has(scope) ? [] : [{ pointer: `/scopes/${index}`, message: 'is not a scope that you can give: see GET /api/api-keys/available-scopes', code: 'scope' }],
  )
}

/** A mistake when a key would be born expired. */
export function findExpiryMistakes(expiresAt: Date | null, now: Date): InvalidPart[] {
  return expiresAt === null || expiresAt > now ? [] : [{ pointer: '/expiresAt', message: 'must be in the future', code: 'future' }]
}
