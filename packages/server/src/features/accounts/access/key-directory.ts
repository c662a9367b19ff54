import type { KeyCaller } from '../../../platform/access/caller.ts'
import type { Permissions } from '../../../platform/access/permissions.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { findKey, hashKey, heldPermissions, type KnownKey } from '../api-keys/index.ts'
import { startKeyUses, type KeyUses } from './key-uses.ts'

const cacheTtlMs = 60_000
const cachedKeysMax = 10_000
const usesIntervalMs = 60_000

interface KeyDirectory {
  /** The caller of a key's secret, or undefined if the key is unknown, revoked or expired. */
  find(secret: string): Promise<KeyCaller | undefined>
  close(): Promise<void>
}

interface CachedKey {
  readonly caller: KeyCaller
  readonly validUntilMs: number
}

interface Cache {
  entries: Map<string, CachedKey>
  readonly uses: KeyUses
}

/** Checks keys with at most one read per key and minute. A revocation or rotation on any node empties the cache. */
export const keyDirectory: Service<KeyDirectory> = {
  name: 'key directory',
  open(platform) {
    const cache: Cache = { entries: new Map(), uses: startKeyUses(platform, usesIntervalMs) }
    const unsubscribe = platform.wake.subscribe('keys', () => {
      // A new map: a read that began before the change stores its result in the old one.
      cache.entries = new Map()
    })
    return {
      find: (secret) => find(platform, cache, secret),
      async close() {
        unsubscribe()
        await cache.uses.stop()
      },
    }
  },
  close: (directory) => directory.close(),
}

type DirectoryPlatform = Pick<Platform, 'clock' | 'db' | 'permissions'>

async function find(platform: DirectoryPlatform, cache: Cache, secret: string): Promise<KeyCaller | undefined> {
  if (!/^ask_[A-Za-z0-9_-]{32,200}$/.test(secret)) return undefined
  const now = platform.clock.now()
  const caller = await findCaller(platform, cache.entries, { hash: hashKey(secret), now })
  if (caller !== undefined) cache.uses.record(caller.keyId, now)
  return caller
}

async function findCaller(
  { db, permissions }: DirectoryPlatform,
  entries: Cache['entries'],
  { hash, now }: { hash: Buffer; now: Date },
): Promise<KeyCaller | undefined> {
  const cacheKey = hash.toString('base64')
  const known = entries.get(cacheKey)
  if (known !== undefined && known.validUntilMs > now.getTime()) return known.caller
  entries.delete(cacheKey)
  const row = await findKey(db, hash)
  if (row === undefined || (row.expiresAt !== null && row.expiresAt <= now)) return undefined
  const caller = toCaller(row, cacheKey, permissions)
  makeRoom(entries)
  entries.set(cacheKey, {
    caller,
    validUntilMs: Math.min(now.getTime() + cacheTtlMs, row.expiresAt?.getTime() ?? Infinity),
  })
  return caller
}

function makeRoom(entries: Map<string, CachedKey>): void {
  const oldest = entries.size >= cachedKeysMax ? entries.keys().next().value : undefined
  if (oldest !== undefined) entries.delete(oldest)
}

function toCaller({ scopes, role, ...row }: KnownKey, secretHash: string, permissions: Permissions): KeyCaller {
  return { kind: 'api-key', ...row, secretHash, permissions: heldPermissions({ scopes, role }, permissions) }
}
