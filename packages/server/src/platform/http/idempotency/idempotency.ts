import { createHash } from 'node:crypto'
import type { Tx } from '../../db/database.ts'
import { problem } from '../../problems/problem.ts'

/** A reply as it is stored and replayed. */
export interface StoredReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type Acquired =
  | { readonly state: 'acquired' }
  | { readonly state: 'in-progress' }
  | { readonly state: 'reused' }
  | { readonly state: 'finished'; readonly reply: StoredReply }

/** What every endpoint that accepts a key can answer because of it. */
export const idempotencyProblems = [
  'invalid-idempotency-key',
  'idempotency-in-progress',
  'idempotency-result-deleted',
  'idempotency-key-reuse',
] as const

/** How long a request may lock a key; after a crash the key becomes free again after this time. */
export const idempotencyLockMs = 60_000
/** How long a reply is kept. */
export const idempotencyTtlMs = 24 * 60 * 60 * 1000

/** The store of keys: in PostgreSQL, or in Redis if configured. */
export interface IdempotencyStore {
  /** Locks the key for `idempotencyLockMs`, or returns its state. One winner among parallel callers. */
  acquire(keyHash: Buffer, bodyHash: Buffer): Promise<Acquired>
  /** Extends the lock by another `idempotencyLockMs` while the request is still running. */
  renew(keyHash: Buffer, bodyHash: Buffer): Promise<void>
  /** Stores the reply for `idempotencyTtlMs`. */
  finish(keyHash: Buffer, bodyHash: Buffer, reply: StoredReply): Promise<void>
  /**
   * Stores the reply in the database, in the transaction of the change that it reports: both are kept or neither.
   * False if another request has finished the key meanwhile: then the transaction must be rolled back.
   */
  finishWith(tx: Tx, key: IdempotencyKey, reply: StoredReply): Promise<boolean>
  /** Copies a reply that `finishWith` has stored to where it can be read without the database. */
  remember(keyHash: Buffer, bodyHash: Buffer, reply: StoredReply): Promise<void>
  /** Releases the key without a reply. */
  release(keyHash: Buffer, bodyHash: Buffer): Promise<void>
}

/** The key of one request, hashed with its scope. */
export interface IdempotencyKey {
  readonly keyHash: Buffer
  readonly bodyHash: Buffer
}

/**
 * Reads `Idempotency-Key` (one header of 1–255 characters, bare or quoted as an RFC 8941 string).
 * Throws `invalid-idempotency-key`; returns undefined when the header is absent.
 */
export function parseIdempotencyKey(
  headers: readonly string[] | undefined,
  scope: readonly string[],
  rawBody: Uint8Array,
): IdempotencyKey | undefined {
  if (headers === undefined) return undefined
  const text = headers.length === 1 ? (headers[0]?.trim() ?? '') : ''
  const key = text.startsWith('"') ? unquoted(text) : text
  if (key.length < 1 || key.length > 255) {
    throw problem('invalid-idempotency-key', {
      detail: 'Idempotency-Key must be one header of 1 to 255 characters, bare or in quotes.',
    })
  }
  return { keyHash: sha256(JSON.stringify([...scope, key])), bodyHash: sha256(rawBody) }
}

/** The content of an RFC 8941 string. Empty for an invalid one, so that a truncated string is not used as a key. */
function unquoted(text: string): string {
  const inner = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text)?.[1] ?? ''
  return inner.replaceAll(/\\(.)/g, '$1')
}

function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest()
}
