import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid } from '../../../platform/ids/id.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { claimDelivery } from './claim-store.ts'
import type { ClaimedDelivery } from './delivery.ts'
import { deleteEventsOf, insertWebhookEvents } from './event-store.ts'
import { insertAttempts, insertRetry, lockOrder, saveOutcome, unparkLanes, unparkNext } from './attempt-store.ts'
import { givenDelivery } from './testing/given-delivery.ts'

describe('the order of a run', () => {
  let world: World
  let tenant: Tenant
  let webhookId: string
  let outboxId = 100
  beforeAll(async () => {
    world = await openWorld({ environment: { ALLOW_PRIVATE_ADDRESSES: 'true' } })
    tenant = await world.tenant()
    webhookId = await newWebhook()
  })
  afterAll(() => world.close())

  interface Line {
    readonly webhookId: string
    readonly runId: string
  }

  const newWebhook = async () => (await givenDelivery(world, tenant, 'success')).uuids.webhook
  const newLine = async (): Promise<Line> => ({ webhookId, runId: (await insertRun(world.platform, tenant)).id })

  async function add(line: Line, ...types: string[]): Promise<string[]> {
    const events = types.map((type) => {
      outboxId += 1
      return {
        ...line,
        type,
        outboxId,
        organizationId: tenant.organizationId,
        applicationId: tenant.applicationId,
        endUserId: null,
        payload: {},
        createdAt: new Date(),
      }
    })
    return world.platform.db.transaction().execute(async (tx) => {
      const ids = await insertWebhookEvents(tx, events)
      await lockOrder(tx, ids)
      await insertAttempts(tx, ids)
      return ids
    })
  }

  async function states({ webhookId, runId }: Line): Promise<string[]> {
    const rows = await world.platform.db
      .selectFrom('webhook_deliveries')
      .select(['event_type', 'status', 'ready', 'due_at', 'attempt'])
      .where('webhook_id', '=', webhookId)
      .where('run_id', '=', runId)
      .orderBy('position')
      .orderBy('attempt')
      .execute()
    return rows.map((row) =>
      [
        row.event_type,
        row.status !== 'pending' ? row.status : row.ready ? 'ready' : row.due_at === null ? 'parked' : 'scheduled',
      ].join(' '),
    )
  }

  async function claimFirst({ webhookId, runId }: Line): Promise<ClaimedDelivery> {
    const row = await world.platform.db
      .selectFrom('webhook_deliveries')
      .select('id')
      .where('webhook_id', '=', webhookId)
      .where('run_id', '=', runId)
      .where('status', '=', 'pending')
      .where('due_at', 'is not', null)
      .executeTakeFirstOrThrow()
    const claimed = await claimDelivery(world.platform.db, row.id)
    if (claimed === undefined) throw new Error('Nothing was claimed.')
    return claimed
  }

  const end = (held: ClaimedDelivery, retryInMs?: number) =>
    world.platform.db.transaction().execute(async (tx) => {
      await lockOrder(tx, [held.event.id])
      const outcome = { statusCode: 200, latencyMs: 1, error: null, request: null, response: null, gaveUp: false }
      const isSaved = await saveOutcome(tx, held, {
        ...outcome,
        status: retryInMs === undefined ? 'success' : 'failed',
      })
      if (isSaved && retryInMs === undefined) await unparkNext(tx, [held.event.id])
      if (isSaved && retryInMs !== undefined) await insertRetry(tx, held.id, retryInMs)
      return isSaved
    })

  it('parks events after a waiting one, and releases them one by one', async () => {
    const line = await newLine()
    await add(line, 'a', 'b')
    await add(line, 'c')
    expect(await states(line)).toEqual(['a ready', 'b parked', 'c parked'])
    await end(await claimFirst(line))
    expect(await states(line)).toEqual(['a success', 'b ready', 'c parked'])
    await end(await claimFirst(line), 60_000)
    expect(await states(line)).toEqual(['a success', 'b failed', 'b scheduled', 'c parked'])
  })

  it('goes on with the next event when an erasure deletes the waiting one, also while it arrives', async () => {
    for (let round = 0; round < 10; round += 1) {
      const line = await newLine()
      const endUserId = newUuid()
      const [first = ''] = await add(line, 'a')
      if (round % 2 === 0) await add(line, 'b')
      const { db } = world.platform
      await db.updateTable('webhook_events').set({ end_user_id: endUserId }).where('id', '=', first).execute()
      const erased = db.transaction().execute(async (tx) => {
        const lanes = await deleteEventsOf(tx, { applicationId: tenant.applicationId, endUserId }, 100)
        await unparkLanes(tx, lanes)
      })
      await Promise.all([erased, round % 2 === 0 ? undefined : add(line, 'b')])
      expect(await states(line)).toEqual(['b ready'])
    }
  })

  it('accepts an outcome only from the holder of the attempt', async () => {
    const line = await newLine()
    await add(line, 'a')
    const held = await claimFirst(line)
    expect(await end({ ...held, claim: newUuid() })).toBe(false)
    expect(await end(held)).toBe(true)
    expect(await end(held)).toBe(false)
  })

  it('loses nothing when an event arrives while the previous one ends', async () => {
    for (let round = 0; round < 25; round += 1) {
      const line = await newLine()
      await add(line, 'a')
      const held = await claimFirst(line)
      await Promise.all([add(line, 'b', 'c'), end(held)])
      expect(await states(line)).toEqual(['a success', 'b ready', 'c parked'])
      await end(await claimFirst(line))
      await end(await claimFirst(line))
      expect((await states(line)).every((state) => state.endsWith('success'))).toBe(true)
    }
  })

  it('is kept when a retry is written while an event arrives', async () => {
    for (let round = 0; round < 25; round += 1) {
      const line = await newLine()
      await add(line, 'a')
      const held = await claimFirst(line)
      await Promise.all([add(line, 'b'), end(held, 60_000)])
      expect(await states(line)).toEqual(['a failed', 'a scheduled', 'b parked'])
    }
  })

  it('applies to one webhook and one run', async () => {
    const line = await newLine()
    await add(line, 'a')
    const otherRun = { ...line, runId: (await newLine()).runId }
    const otherWebhook = { ...line, webhookId: await newWebhook() }
    await add(otherRun, 'b')
    await add(otherWebhook, 'c')
    expect([await states(line), await states(otherRun), await states(otherWebhook)]).toEqual([
      ['a ready'],
      ['b ready'],
      ['c ready'],
    ])
  })

  it('accepts an outbox event once per webhook', async () => {
    const line = await newLine()
    const event = {
      ...line,
      type: 'a',
      outboxId: 1_000_000,
      organizationId: tenant.organizationId,
      applicationId: tenant.applicationId,
      endUserId: null,
      payload: {},
      createdAt: new Date(),
    }
    const insert = () => world.platform.db.transaction().execute((tx) => insertWebhookEvents(tx, [event]))
    expect(await insert()).toHaveLength(1)
    expect(await insert()).toEqual([])
  })
})
