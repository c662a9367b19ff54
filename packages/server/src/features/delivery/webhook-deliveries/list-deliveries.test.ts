import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { listDeliveries } from './list-deliveries.ts'
import { beginSeries } from './attempt-store.ts'
import { givenDelivery, type GivenDelivery } from './testing/given-delivery.ts'

const environment = { ALLOW_PRIVATE_ADDRESSES: 'true' }

describeEndpoint(listDeliveries, {
  given: (tenant, world) => givenDelivery(world, tenant),
  call: ({ webhookId }) => ({ params: { webhookId } }),
  world: { environment },
})

describe('listing deliveries', () => {
  let world: World
  let tenant: Tenant
  let given: GivenDelivery
  beforeAll(async () => {
    world = await openWorld({ environment })
    tenant = await world.tenant()
    given = await givenDelivery(world, tenant)
    await world.platform.db.transaction().execute((tx) => beginSeries(tx, [given.uuids.event]))
  })
  afterAll(() => world.close())

  const list = (query: Record<string, string | number> = {}) =>
    tenant.send(`GET /api/webhooks/${given.webhookId}/deliveries`, { query })

  it('shows one for each attempt, newest first', async () => {
    const { body } = await list()
    expect(body.data.map(({ attempt, status }: { attempt: number; status: string }) => [attempt, status])).toEqual([
      [2, 'pending'],
      [1, 'failed'],
    ])
    expect(body.data[0]).toEqual({
      id: expect.stringMatching(/^del_/),
      webhookId: given.webhookId,
      eventId: given.eventId,
      eventType: 'run.completed',
      runId: expect.stringMatching(/^run_/),
      status: 'pending',
      statusCode: null,
      latency: null,
      attempt: 2,
      error: null,
      dueAt: expect.any(String),
      createdAt: expect.any(String),
      completedAt: null,
    })
  })

  it('pages by number and by cursor', async () => {
    const first = await list({ pageSize: 1 })
    expect(first.body.pagination).toMatchObject({
      page: 1,
      total: 2,
      totalPages: 2,
      nextCursor: expect.stringMatching(/^del_/),
    })
    const byCursor = await list({ pageSize: 1, after: first.body.pagination.nextCursor })
    expect(byCursor.body.data).toEqual((await list({ pageSize: 1, page: 2 })).body.data)
    expect(byCursor.body.data[0].id).toBe(given.deliveryId)
    expect(byCursor.body.pagination.nextCursor).toBeNull()
    expectProblem(listDeliveries, await list({ after: 'nonsense' }), 'validation-error')
  })

  it('filters by status and by type', async () => {
    expect((await list({ status: 'failed' })).body.data.map(({ id }: { id: string }) => id)).toEqual([given.deliveryId])
    expect((await list({ eventType: 'run.completed' })).body.pagination.total).toBe(2)
    expect((await list({ eventType: 'test.ping' })).body.data).toEqual([])
    expectProblem(listDeliveries, await list({ status: 'lost' }), 'validation-error')
  })

  it('is not for end-users', async () => {
    const answer = await tenant.sendAs(await tenant.endUser())(`GET /api/webhooks/${given.webhookId}/deliveries`)
    expectProblem(listDeliveries, answer, 'forbidden')
  })
})
