import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { disableWebhook, findSigningWebhook, recordFailure, recordSuccess } from './index.ts'
import { goodWebhook, makeWebhook, webhookWorld } from './testing/webhook-tests.ts'

const [first, later] = [new Date('2026-03-01T00:00:00Z'), new Date('2026-03-02T00:00:00Z')]

describe('the health of a webhook', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(webhookWorld)
  })
  afterAll(() => world.close())
  const given = async () => {
    const tenant = await world.tenant()
    const id = parseWireId('wh', (await makeWebhook(tenant)).id) ?? ''
    return { tenant, id, stored: () => findSigningWebhook(world.platform.db, id) }
  }

  it('remembers the first failure since the last success', async () => {
    const { id, stored } = await given()
    expect(
      await Promise.all([recordFailure(world.platform.db, id, first), recordFailure(world.platform.db, id, first)]),
    ).toEqual([first, first])
    expect(await recordFailure(world.platform.db, id, later)).toEqual(first)
    await recordSuccess(world.platform.db, id)
    expect((await stored())?.failingSince).toBeNull()
    expect(await recordFailure(world.platform.db, id, later)).toEqual(later)
    expect(await recordFailure(world.platform.db, newUuid(), later)).toBeUndefined()
  })

  it('disables only for the current state: not for a previous URL, nor for earlier failures', async () => {
    const { id, stored } = await given()
    const { db } = world.platform
    await recordFailure(db, id, later)
    const disable = (reason: 'gone' | 'failing', was: { url: string; failingSince: Date }) =>
      db.transaction().execute((tx) => disableWebhook(tx, id, { reason, now: later, was }))
    expect(await disable('gone', { url: 'https://before.example/', failingSince: later })).toBe(false)
    expect(await disable('failing', { url: goodWebhook.url, failingSince: first })).toBe(false)
    expect(await stored()).toMatchObject({ enabled: true })
    expect(await disable('failing', { url: goodWebhook.url, failingSince: later })).toBe(true)
  })

  it('disables once, also when called concurrently, with one audit entry by the system', async () => {
    const { tenant, id, stored } = await given()
    const was = { url: goodWebhook.url, failingSince: null }
    const disable = () =>
      world.platform.db.transaction().execute((tx) => disableWebhook(tx, id, { reason: 'gone', now: later, was }))
    expect((await Promise.all([disable(), disable(), disable()])).toSorted()).toEqual([false, false, true])
    expect(await stored()).toMatchObject({ enabled: false, disabledReason: 'gone', disabledAt: later })
    const entries = await world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('application_id', '=', tenant.applicationId)
      .where('action', '=', 'webhook.disabled')
      .execute()
    expect(entries).toMatchObject([
      {
        actor: { kind: 'system', part: 'webhooks' },
        changes: { enabled: { before: true, after: false }, disabledReason: { before: null, after: 'gone' } },
      },
    ])
    expect(
      await world.platform.db
        .transaction()
        .execute((tx) => disableWebhook(tx, newUuid(), { reason: 'failing', now: later, was })),
    ).toBe(false)
  })
})
