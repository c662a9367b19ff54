import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nilUuid } from '../../../platform/ids/id.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { holdSubscribed } from '../webhooks/index.ts'
import { findCandidates } from './claim-store.ts'
import { givenDelivery } from './testing/given-delivery.ts'

describe('the webhooks of a deleted application', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ environment: { WEBHOOKS_ALLOW_LOCAL: 'on' } })
  })
  afterAll(() => world.close())

  it('receive nothing from its commit on: neither waiting attempts nor new events', async () => {
    const tenant = await world.tenant()
    const sibling = { ...tenant, ...(await tenant.sibling()) }
    const ofSibling = await givenDelivery(world, sibling, 'pending')
    const kept = await givenDelivery(world, tenant, 'pending')
    const { db } = world.platform
    const enabled = async () => {
      const candidates = await findCandidates(db, { after: nilUuid, limit: 500 })
      return candidates.flatMap((each) => (each.enabled ? [each.webhookId] : [])).sort()
    }
    const subscribed = () =>
      db.transaction().execute(async (tx) => {
        const events = [sibling, tenant].map(({ organizationId, applicationId }) => ({
          id: 1,
          organizationId,
          applicationId,
          runId: null,
          agentId: null,
          endUserId: null,
          type: 'run.completed',
          payload: {},
          createdAt: new Date(),
        }))
        return (await holdSubscribed(tx, events)).map(({ webhook }) => webhook.id).sort()
      })
    const both = [ofSibling.uuids.webhook, kept.uuids.webhook].sort()
    expect([await enabled(), await subscribed()]).toEqual([both, both])
    const { send } = await tenant.session()
    expect((await send(`DELETE /api/applications/${sibling.appId}`)).status).toBe(204)
    expect([await enabled(), await subscribed()]).toEqual([[kept.uuids.webhook], [kept.uuids.webhook]])
  })
})
