import type { KeyRing } from '../../crypto/key-ring.ts'
import type { IdempotencyStore, StoredReply } from './idempotency.ts'

/** Wraps a store for replies that contain secrets: encrypts the stored bodies, each bound to its key. */
export function sealReplies(store: IdempotencyStore, keyRing: KeyRing): IdempotencyStore {
  const sealed = (keyHash: Buffer, reply: StoredReply): StoredReply => ({
    ...reply,
    body: keyRing.seal(reply.body, contextOf(keyHash)),
  })
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
    finish: (keyHash, bodyHash, reply) => store.finish(keyHash, bodyHash, sealed(keyHash, reply)),
    finishWith: (tx, key, reply) => store.finishWith(tx, key, sealed(key.keyHash, reply)),
    remember: (keyHash, bodyHash, reply) => store.remember(keyHash, bodyHash, sealed(keyHash, reply)),
  }
}

function contextOf(keyHash: Buffer): string {
  return `idempotency_keys/${keyHash.toString('base64url')}`
}
