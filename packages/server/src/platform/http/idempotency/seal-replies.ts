import type { KeyRing } from '../../crypto/key-ring.ts'
import type { IdempotencyStore } from './idempotency.ts'

/** Wraps a store for replies that contain secrets: encrypts the stored bodies, each bound to its key. */
export function sealReplies(store: IdempotencyStore, keyRing: KeyRing): IdempotencyStore {
  return {
    ...store,
    async acquire(keyHash, bodyHash) {
      const acquired = await store.acquire(keyHash, bodyHash)
      if (acquired.state !== 'finished') return acquired
      return {
        ...acquired,
        reply: { ...acquired.reply, body: keyRing.unseal(acquired.reply.body, contextOf(keyHash)) },
      }
    },
    finish: (keyHash, bodyHash, reply) =>
      store.finish(keyHash, bodyHash, { ...reply, body: keyRing.seal(reply.body, contextOf(keyHash)) }),
  }
}

function contextOf(keyHash: Buffer): string {
  return `idempotency_keys/${keyHash.toString('base64url')}`
}
