import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nilUuid } from '../../../platform/ids/id.ts'
import type { Tx } from '../../../platform/db/database.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { claimDelivery, claimShares, findCandidates, promoteDue, releaseClaims } from './claim-store.ts'
import { insertAttempts, insertRetry, lockOrder, unparkNext } from './attempt-store.ts'
import { givenDelivery } from './testing/given-delivery.ts'

const environment = { ALLOW_PRIVATE_ADDRESSES: 'true' }

describe('claims', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ environment })
  })
  afterAll(() => world.close())

  const given = async () => (await givenDelivery(world, await world.tenant(), 'pending')).uuids
  const isReady = async (id: string) =>
    (
      await world.platform.db
        .selectFrom('webhook_deliveries')
        .select('ready')
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
    ).ready

  it('are held by one process at a time, until released', async () => {
    const { webhook, delivery, event } = await given()
    const { db } = world.platform
    const claims = await Promise.all([1, 2, 3, 4].map(() => claimShares(db, [{ webhookId: webhook, count: 5 }])))
    const [held] = claims.flat()
    expect(claims.flat()).toHaveLength(1)
    expect(held).toMatchObject({
      id: delivery,
      attempt: 1,
      retry: 0,
      event: { id: event, webhookId: webhook, type: 'run.completed', payload: { status: 'success' } },
    })
    expect(await claimDelivery(db, delivery)).toBeUndefined()
    await releaseClaims(db, [{ id: delivery, claim: nilUuid }])
    expect(await isReady(delivery)).toBe(false)
    await releaseClaims(db, claims.flat())
    expect(await isReady(delivery)).toBe(true)
  })

  it('end when their lease expires, not before', async () => {
    const { webhook, delivery } = await given()
    const { db } = world.platform
    await claimShares(db, [{ webhookId: webhook, count: 1 }])
    await promoteDue(db)
    expect(await isReady(delivery)).toBe(false)
    await db
      .updateTable('webhook_deliveries')
      .set({ claimed_until: new Date(0) })
      .where('id', '=', delivery)
      .execute()
    await promoteDue(db)
    expect(await isReady(delivery)).toBe(true)
  })

  it('are made only for due attempts', async () => {
    const { delivery } = await given()
    const { db } = world.platform
    await db
      .updateTable('webhook_deliveries')
      .set({ ready: false, due_at: new Date(Date.now() + 3_600_000) })
      .where('id', '=', delivery)
      .execute()
    await promoteDue(db)
    expect(await isReady(delivery)).toBe(false)
    await db
      .updateTable('webhook_deliveries')
      .set({ due_at: new Date(Date.now() - 1_000) })
      .where('id', '=', delivery)
      .execute()
    await promoteDue(db)
    expect(await isReady(delivery)).toBe(true)
  })

  it('continue after the last webhook that was checked', async () => {
    await Promise.all([given(), given(), given()])
    const { db } = world.platform
    const all = await findCandidates(db, { after: nilUuid, limit: 100 })
    const [first] = await findCandidates(db, { after: nilUuid, limit: 1 })
    expect(first).toEqual(all[0])
    expect(await findCandidates(db, { after: first?.webhookId ?? '', limit: 100 })).toEqual(all.slice(1))
  })
})

describe('claims among many', () => {
  let world: World
  let dead: string
  beforeAll(async () => {
    world = await openWorld({ environment })
    const tenant = await world.tenant()
    const { uuids } = await givenDelivery(world, tenant, 'success')
    dead = uuids.webhook
    await fill(world, dead)
  }, 120_000)
  afterAll(() => world.close())

  // The rows that the database has read: index entries, and rows of sequential scans.
  const rowsTouchedBy = async (work: (db: World['platform']['db']) => Promise<unknown>): Promise<number> => {
    const { db } = world.platform
    return db.connection().execute(async (connection) => {
      const touched = async () => {
        await sql`select pg_stat_force_next_flush()`.execute(connection)
        const { rows } = await sql<{ count: number }>`
          select (select sum(idx_tup_read) from pg_stat_user_indexes
              where relname in ('webhook_deliveries', 'webhooks', 'webhook_events'))
            + (select sum(seq_tup_read) from pg_stat_user_tables
              where relname in ('webhook_deliveries', 'webhook_events')) as count`.execute(connection)
        return Number(rows[0]?.count ?? 0)
      }
      const before = await touched()
      await work(connection)
      return (await touched()) - before
    })
  }

  it('are cheap with 100,000 attempts waiting for one webhook and 10,000 webhooks', async () => {
    expect(await rowsTouchedBy((db) => findCandidates(db, { after: nilUuid, limit: 500 }))).toBeLessThan(5_000)
    expect(await rowsTouchedBy((db) => claimShares(db, [{ webhookId: dead, count: 10 }]))).toBeLessThan(500)
    expect(await rowsTouchedBy((db) => promoteDue(db))).toBeLessThan(500)
    expect(await findCandidates(world.platform.db, { after: nilUuid, limit: 500 })).toHaveLength(500)
  })

  it('are cheap to record, too', async () => {
    const [held] = await claimShares(world.platform.db, [{ webhookId: dead, count: 1 }])
    const eventIds = [held?.event.id ?? '']
    const fail = (tx: Tx) =>
      tx
        .updateTable('webhook_deliveries')
        .set({ status: 'failed', ready: false, claim: null, claimed_until: null })
        .where('event_id', 'in', eventIds)
        .execute()
    const retry = (db: World['platform']['db']) =>
      db.transaction().execute(async (tx) => {
        await lockOrder(tx, eventIds)
        await fail(tx)
        await insertRetry(tx, held?.id ?? '', 1_000)
      })
    const end = (db: World['platform']['db']) =>
      db.transaction().execute(async (tx) => {
        await lockOrder(tx, eventIds)
        await fail(tx)
        await unparkNext(tx, eventIds)
        await insertAttempts(tx, eventIds)
      })
    expect(await rowsTouchedBy(retry)).toBeLessThan(500)
    expect(await rowsTouchedBy(end)).toBeLessThan(500)
  })
})

/**
 * Inserts 50,000 ready attempts for one webhook and as many parked after them, and 10,000 further webhooks with one
 * ready attempt and one due in an hour each.
 */
async function fill({ platform: { db } }: World, webhookId: string): Promise<void> {
  await sql`
    insert into webhooks (id, organization_id, application_id, url, events, api_version, encrypted_secret)
    select gen_random_uuid(), organization_id, application_id, url, events, api_version, encrypted_secret
    from webhooks cross join generate_series(1, 10000) where id = ${webhookId}`.execute(db)
  await sql`
    insert into webhook_events (id, organization_id, application_id, webhook_id, type, run_id, outbox_id, payload)
    select gen_random_uuid(), organization_id, application_id, id, 'run.completed', md5(id::text || place / 2)::uuid,
      10 + place, '{}'
    from webhooks
    cross join lateral generate_series(0, case when id = ${webhookId} then 99999 else 1 end) as place`.execute(db)
  await sql`
    insert into webhook_deliveries (
      id, application_id, webhook_id, event_id, event_type, run_id, position, attempt, due_at, ready)
    select gen_random_uuid(), application_id, webhook_id, id, type, run_id, outbox_id, 1,
      case when outbox_id % 2 = 0 then now() when webhook_id <> ${webhookId} then now() + interval '1 hour' end,
      outbox_id % 2 = 0
    from webhook_events where outbox_id >= 10`.execute(db)
  await sql`analyze webhooks, webhook_events, webhook_deliveries`.execute(db)
}
