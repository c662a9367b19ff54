import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import type { OutboxEvent } from '../../../platform/outbox/outbox.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { findSigningWebhook, getVisibleWebhook, holdSubscribed } from './index.ts'
import { makeWebhook, webhookWorld } from './testing/webhook-tests.ts'

let world: World
beforeAll(async () => {
  world = await openWorld(webhookWorld)
})
afterAll(() => world.close())

let events = 0
const eventOf = (
  { organizationId, applicationId }: Tenant['scope'],
  changes: Partial<OutboxEvent> = {},
): OutboxEvent => {
  events += 1
  return {
    id: events,
    organizationId,
    applicationId,
    runId: newUuid(),
    agentId: null,
    endUserId: null,
    type: 'run.completed',
    payload: {},
    createdAt: new Date(),
    ...changes,
  }
}
const uuidOf = (prefix: 'wh' | 'agent', id: unknown) => parseWireId(prefix, String(id)) ?? ''
const find = async (all: readonly OutboxEvent[]) => {
  const found = await world.platform.db.transaction().execute((tx) => holdSubscribed(tx, all))
  return found.map(({ webhook, event }) => [event.id, webhook.id])
}

describe('holdSubscribed', () => {
  it('finds the webhooks by application, type and agent, in the order of the events', async () => {
    const [tenant, stranger] = [await world.tenant(), await world.tenant()]
    const agentId = await createAgent(tenant)
    const all = uuidOf('wh', (await makeWebhook(tenant, { events: ['run.completed', 'run.failed'] })).id)
    const ofAgent = uuidOf('wh', (await makeWebhook(tenant, { events: ['run.completed'], agentId })).id)
    const theirs = uuidOf('wh', (await makeWebhook(stranger)).id)
    await makeWebhook(await tenant.sibling())
    const [one, two, three, four] = [
      eventOf(tenant.scope, { agentId: uuidOf('agent', agentId) }),
      eventOf(stranger.scope),
      eventOf(tenant.scope, { type: 'run.failed', agentId: newUuid() }),
      eventOf(tenant.scope, { type: 'run.waiting' }),
    ]
    expect(await find([three, two, four, one])).toEqual([
      [three.id, all],
      [two.id, theirs],
      [one.id, all],
      [one.id, ofAgent],
    ])
    expect(await find([four])).toEqual([])
    expect(await find([])).toEqual([])
  })

  it('omits disabled ones', async () => {
    const tenant = await world.tenant()
    const { id } = await makeWebhook(tenant)
    await tenant.send(`PATCH /api/webhooks/${id}`, { body: { enabled: false } })
    expect(await find([eventOf(tenant.scope)])).toEqual([])
    await tenant.send(`PATCH /api/webhooks/${id}`, { body: { enabled: true } })
    expect(await find([eventOf(tenant.scope)])).toHaveLength(1)
  })

  it('locks the webhooks until the transaction ends: a deletion waits, a change does not', async () => {
    const tenant = await world.tenant()
    const { id } = await makeWebhook(tenant)
    let deleted = false
    let deletion: Promise<unknown> = Promise.resolve()
    await world.platform.db.transaction().execute(async (tx) => {
      expect(await holdSubscribed(tx, [eventOf(tenant.scope)])).toHaveLength(1)
      expect((await tenant.send(`PATCH /api/webhooks/${id}`, { body: { description: 'meanwhile' } })).status).toBe(200)
      deletion = tenant.send(`DELETE /api/webhooks/${id}`).then(() => (deleted = true))
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(deleted).toBe(false)
    })
    await deletion
    expect(await find([eventOf(tenant.scope)])).toEqual([])
  })
})

describe('findSigningWebhook', () => {
  it('returns the encrypted secrets, which getVisibleWebhook does not', async () => {
    const tenant = await world.tenant()
    const made = await makeWebhook(tenant)
    const id = uuidOf('wh', made.id)
    const found = await findSigningWebhook(world.platform.db, id)
    expect(found).toMatchObject({ id, applicationId: tenant.applicationId, sealedPreviousSecret: null })
    expect(found?.sealedSecret).not.toContain(made.secret)
    expect(
      Object.keys(await getVisibleWebhook(world.platform.db, tenant.scope, id)).filter((name) =>
        name.startsWith('sealed'),
      ),
    ).toEqual([])
    expect(await findSigningWebhook(world.platform.db, newUuid())).toBeUndefined()
  })
})
