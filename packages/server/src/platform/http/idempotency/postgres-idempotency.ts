import { sql } from 'kysely'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Db, Tx } from '../../db/database.ts'
import {
  idempotencyLockMs,
  idempotencyTtlMs,
  type Acquired,
  type IdempotencyKey,
  type IdempotencyStore,
  type StoredReply,
} from './idempotency.ts'

const Headers = Type.Record(Type.String(), Type.String())

/** Expired keys are removed every `sweepEvery` requests, in larger batches, so that they do not accumulate. */
const sweepEvery = 500
const sweptRowsMax = 1_000

/** A store that can also look a key up without locking it. */
export interface DurableIdempotency extends IdempotencyStore {
  /** The state of the key, or undefined if it is free. */
  find(keyHash: Buffer, bodyHash: Buffer): Promise<Acquired | undefined>
}

/** Keys in PostgreSQL: every node sees them, and they survive a restart. */
export function createPostgresIdempotency(db: Db): DurableIdempotency {
  let acquisitions = 0
  return {
    async acquire(keyHash, bodyHash) {
      if (acquisitions++ % sweepEvery === 0) await sweep(db)
      // One statement locks a free, expired or abandoned key; it returns no row if another request was faster.
      const taken = await sql`
        insert into idempotency_keys (key_hash, body_hash, locked_until, expires_at)
        values (${keyHash}, ${bodyHash},
          now() + ${idempotencyLockMs} * interval '1 ms', now() + ${idempotencyTtlMs} * interval '1 ms')
        on conflict (key_hash) do update
          set body_hash = excluded.body_hash, locked_until = excluded.locked_until, expires_at = excluded.expires_at,
              status = null, headers = null, body = null
          where idempotency_keys.expires_at < now()
             or (idempotency_keys.status is null and idempotency_keys.locked_until < now()
               and idempotency_keys.body_hash = excluded.body_hash)
        returning key_hash`.execute(db)
      if (taken.rows.length === 1) return { state: 'acquired' }
      // If it was released between the two statements, report the other request as still running.
      return (await findHeld(db, keyHash, bodyHash)) ?? { state: 'in-progress' }
    },
    find: (keyHash, bodyHash) => findHeld(db, keyHash, bodyHash),
    async renew(keyHash, bodyHash) {
      await db
        .updateTable('idempotency_keys')
        .set({ locked_until: sql<Date>`now() + ${idempotencyLockMs} * interval '1 ms'` })
        .where('key_hash', '=', keyHash)
        .where('body_hash', '=', bodyHash)
        .where('status', 'is', null)
        .execute()
    },
    async finish(keyHash, bodyHash, reply) {
      // A key that was locked in Redis, which has failed since, has no row yet.
      await sql`
        insert into idempotency_keys (key_hash, body_hash, locked_until, expires_at, status, headers, body)
        values (${keyHash}, ${bodyHash}, now(), now() + ${idempotencyTtlMs} * interval '1 ms',
          ${reply.status}, ${JSON.stringify(reply.headers)}, ${reply.body})
        on conflict (key_hash) do update set status = excluded.status, headers = excluded.headers, body = excluded.body
          where idempotency_keys.body_hash = excluded.body_hash`.execute(db)
    },
    finishWith: finishInTransaction,
    remember: async () => undefined,
    async release(keyHash, bodyHash) {
      await db
        .deleteFrom('idempotency_keys')
        .where('key_hash', '=', keyHash)
        .where('body_hash', '=', bodyHash)
        .where('status', 'is', null)
        .execute()
    },
  }
}

async function finishInTransaction(
  tx: Tx,
  { keyHash, bodyHash }: IdempotencyKey,
  reply: StoredReply,
): Promise<boolean> {
  const { rows } = await sql<{ finished: boolean | null }>`
    select finish_idempotency_key(${keyHash}, ${bodyHash}, ${idempotencyTtlMs}, ${reply.status},
      ${JSON.stringify(reply.headers)}, ${reply.body}) as finished`.execute(tx)
  return rows[0]?.finished === true
}

async function findHeld(db: Db, keyHash: Buffer, bodyHash: Buffer): Promise<Acquired | undefined> {
  const row = await db
    .selectFrom('idempotency_keys')
    .select([
      'body_hash',
      'status',
      'headers',
      'body',
      sql<boolean>`status is null and locked_until < now()`.as('is_abandoned'),
    ])
    .where('key_hash', '=', keyHash)
    .where('expires_at', '>=', sql<Date>`now()`)
    .executeTakeFirst()
  if (row === undefined) return undefined
  if (!row.body_hash.equals(bodyHash)) return { state: 'reused' }
  if (row.is_abandoned) return undefined
  if (row.status === null) return { state: 'in-progress' }
  return {
    state: 'finished',
    reply: { status: row.status, headers: Value.Parse(Headers, row.headers), body: row.body ?? '' },
  }
}

async function sweep(db: Db): Promise<void> {
  const expired = db
    .selectFrom('idempotency_keys')
    .select('key_hash')
    .where('expires_at', '<', sql<Date>`now()`)
    .limit(sweptRowsMax)
  await db.deleteFrom('idempotency_keys').where('key_hash', 'in', expired).execute()
}
