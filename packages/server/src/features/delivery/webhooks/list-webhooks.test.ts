import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { listWebhooks } from './list-webhooks.ts'
import { makeWebhook, webhookWorld } from './testing/webhook-tests.ts'

describeEndpoint(listWebhooks, { given: (tenant) => makeWebhook(tenant), call: () => ({}), world: webhookWorld })

describe('listWebhooks', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(webhookWorld)
  })
  afterAll(() => world.close())

  it('lists the newest first, page by page, without secrets', async () => {
    const tenant = await world.tenant()
    const made = []
    for (let count = 0; count < 3; count += 1) made.unshift(await makeWebhook(tenant))
    const first = await tenant.send('GET /api/webhooks', { query: { pageSize: 2 } })
    expect(first.body.pagination).toMatchObject({ page: 1, pageSize: 2, total: 3, totalPages: 2 })
    const second = await tenant.send('GET /api/webhooks', { query: { pageSize: 2, page: 2 } })
    expect([...first.body.data, ...second.body.data]).toEqual(made.map(({ secret: _, ...webhook }) => webhook))
    expect((await tenant.send('GET /api/webhooks', { query: { page: 9 } })).body.data).toEqual([])
  })

  it("lists only the application's webhooks, and none for end-users", async () => {
    const tenant = await world.tenant()
    await makeWebhook(tenant)
    for (const other of [await tenant.sibling(), await world.tenant()])
      expect((await other.send('GET /api/webhooks')).body.data).toEqual([])
    expectProblem(listWebhooks, await tenant.sendAs(await tenant.endUser())('GET /api/webhooks'), 'forbidden')
  })
})
