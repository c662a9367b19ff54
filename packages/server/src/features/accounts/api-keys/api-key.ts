import { createHash, randomBytes } from 'node:crypto'
import { problem, type InvalidPart } from '../../../platform/problems/problem.ts'
import type { Permissions, Role } from '../../../platform/access/permissions.ts'
import type { KeyLimits } from './key-limits.ts'

export interface ApiKey {
  readonly id: string
  readonly name: string
  /** The first characters of the secret; they let people recognize the key. */
  readonly keyPrefix: string
  readonly scopes: readonly string[]
  readonly createdBy: string
  readonly createdByName: string
  readonly expiresAt: Date | null
  /** Recorded with a delay of up to a minute. */
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
  /** When the secret was last replaced. */
  readonly rotatedAt: Date | null
  /** When the previous secret stops working; may be in the past. */
  readonly previousExpiresAt: Date | null
  readonly createdAt: Date
  readonly limits: KeyLimits
}

/** A new secret: 192 random bits. */
export function newSecret(): string {
  return `ask_${randomBytes(24).toString('hex')}`
}

/** What is stored of a secret. */
export function hashKey(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The part of a secret that may be shown again. */
export function prefixOf(secret: string): string {
  return secret.slice(0, 8)
}

/** The scopes that a user with these permissions can grant to an API key. */
export function scopesWithin({ grantable }: Permissions, held: ReadonlySet<string>): string[] {
  return grantable.filter((permission) => held.has(permission))
}

/** The permissions of a key: its scopes, as far as the current role of its creator has them. */
export function heldPermissions(
  { scopes, role }: { readonly scopes: readonly string[]; readonly role: Role },
  { of, isGrantable }: Permissions,
): ReadonlySet<string> {
  const allowed = of(role)
  return new Set(scopes.filter((scope) => allowed.has(scope) && isGrantable(scope)))
}

/** One mistake for each scope that the user cannot grant. */
export function findScopeMistakes(scopes: readonly string[], allowed: readonly string[]): InvalidPart[] {
  return scopes.flatMap((scope, index) =>
    allowed.includes(scope)
      ? []
      : [
          {
            pointer: `/scopes/${index}`,
            message: 'is not a scope that you can grant: see GET /api/api-keys/available-scopes',
            code: 'scope',
          },
        ],
  )
}

/** A mistake if the new key would already be expired. */
export function findExpiryMistakes(expiresAt: Date | null, now: Date): InvalidPart[] {
  return expiresAt === null || expiresAt > now
    ? []
    : [{ pointer: '/expiresAt', message: 'must be in the future', code: 'future' }]
}

/**
 * Refuses a new secret for an expired key, and for a caller who could not grant the key's scopes:
 * the secret would give them these scopes.
 */
export function refuseRotation(
  apiKey: ApiKey,
  { product, permissions, now }: { product: Permissions; permissions: ReadonlySet<string>; now: Date },
): void {
  if (apiKey.scopes.some((scope) => product.isGrantable(scope) && !permissions.has(scope)))
    throw problem('forbidden', { detail: 'The key has scopes that you cannot grant.' })
  if (apiKey.expiresAt !== null && apiKey.expiresAt <= now)
    throw problem('api-key-expired', { detail: 'The key has expired: create another one.' })
}
