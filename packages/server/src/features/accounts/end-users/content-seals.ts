import { randomBytes } from 'node:crypto'
import type { Db } from '../../../platform/db/database.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { createContentSeal, dataKeyBytes, erasedSeal, plainSeal, type ContentSeal } from './content-seal.ts'
import { findDataKeys, insertDataKey } from './data-key-store.ts'

/** The owner of content. All ids are in stored form. */
export interface ContentOwner {
  readonly applicationId: string
  /** Null for content without an end-user, which is not encrypted. */
  readonly endUserId: string | null
}

export interface ContentSeals {
  /** The owner's seal; creates the data key if there is none. For an erased end-user it neither seals nor unseals. */
  of(db: Db, owner: ContentOwner): Promise<ContentSeal>
  /** The seals of several owners in one application, loaded with one query. For reading: creates no keys. */
  ofAll(
    db: Db,
    applicationId: string,
    endUserIds: Iterable<string | null>,
  ): Promise<(endUserId: string | null) => ContentSeal>
  /** Removes a destroyed key from the cache. */
  forget(endUserId: string): void
}

/** The seals of end-users' content. Data keys are cached for minutes at most: the database row is authoritative. */
export const contentSeals: Service<ContentSeals & { close(): void }> = {
  name: 'content seals',
  open: (platform) => new CachedSeals(platform),
  close: async (seals) => seals.close(),
}

const cacheTtlMs = 300_000
const cachedKeysMax = 10_000

interface CachedSeal {
  readonly seal: ContentSeal
  readonly applicationId: string
  readonly untilMs: number
}

type SealPlatform = Pick<Platform, 'clock' | 'keyRing' | 'wake'>

class CachedSeals implements ContentSeals {
  readonly #platform: SealPlatform
  readonly #cache = new Map<string, CachedSeal>()
  readonly #unsubscribe: () => void
  /** Counts invalidations: a key that was read before the latest one must not be cached. */
  #forgotten = 0

  constructor(platform: SealPlatform) {
    this.#platform = platform
    this.#unsubscribe = platform.wake.subscribe('keys', (detail) => this.forget(detail))
  }

  async of(db: Db, { applicationId, endUserId }: ContentOwner): Promise<ContentSeal> {
    if (endUserId === null) return plainSeal
    const sealOf = await this.ofAll(db, applicationId, [endUserId])
    if (sealOf(endUserId) !== erasedSeal) return sealOf(endUserId)
    const encryptedKey = this.#platform.keyRing.seal(randomBytes(dataKeyBytes).toString('base64'), contextOf(endUserId))
    await insertDataKey(db, { applicationId, endUserId }, encryptedKey)
    return (await this.ofAll(db, applicationId, [endUserId]))(endUserId)
  }

  async ofAll(
    db: Db,
    applicationId: string,
    endUserIds: Iterable<string | null>,
  ): Promise<(endUserId: string | null) => ContentSeal> {
    const seals = new Map<string | null, ContentSeal>()
    for (const endUserId of endUserIds)
      seals.set(endUserId, endUserId === null ? plainSeal : (this.#find(applicationId, endUserId) ?? erasedSeal))
    const unknown = [...seals].flatMap(([endUserId, seal]) =>
      endUserId !== null && seal === erasedSeal ? [endUserId] : [],
    )
    if (unknown.length > 0)
      for (const [endUserId, seal] of await this.#load(db, applicationId, unknown)) seals.set(endUserId, seal)
    return (endUserId) => (endUserId === null ? plainSeal : (seals.get(endUserId) ?? erasedSeal))
  }

  forget(detail: string): void {
    this.#forgotten += 1
    if (detail === '*') this.#cache.clear()
    else this.#cache.delete(detail)
  }

  close(): void {
    this.#unsubscribe()
    this.#cache.clear()
  }

  #find(applicationId: string, endUserId: string): ContentSeal | undefined {
    const known = this.#cache.get(endUserId)
    if (known === undefined || known.applicationId !== applicationId) return undefined
    this.#cache.delete(endUserId)
    if (known.untilMs <= this.#platform.clock.now().getTime()) return undefined
    // Moved to the end: the least recently used key is the first of the map.
    this.#cache.set(endUserId, known)
    return known.seal
  }

  async #load(db: Db, applicationId: string, endUserIds: readonly string[]): Promise<Map<string, ContentSeal>> {
    const forgotten = this.#forgotten
    const loaded = new Map<string, ContentSeal>()
    for (const [endUserId, encryptedKey] of await findDataKeys(db, applicationId, endUserIds)) {
      const seal = createContentSeal(
        Buffer.from(this.#platform.keyRing.unseal(encryptedKey, contextOf(endUserId)), 'base64'),
        endUserId,
      )
      loaded.set(endUserId, seal)
      // A transaction may see a key that its rollback removes.
      if (!db.isTransaction && forgotten === this.#forgotten) this.#keep(applicationId, endUserId, seal)
    }
    return loaded
  }

  #keep(applicationId: string, endUserId: string, seal: ContentSeal): void {
    const oldest = this.#cache.size >= cachedKeysMax ? this.#cache.keys().next().value : undefined
    if (oldest !== undefined) this.#cache.delete(oldest)
    this.#cache.set(endUserId, { seal, applicationId, untilMs: this.#platform.clock.now().getTime() + cacheTtlMs })
  }
}

function contextOf(endUserId: string): string {
  return `end_user_keys/${endUserId}`
}
