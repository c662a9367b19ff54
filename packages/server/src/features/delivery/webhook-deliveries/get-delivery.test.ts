import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getDelivery } from './get-delivery.ts'
import { givenDelivery } from './testing/given-delivery.ts'

const environment = { ALLOW_PRIVATE_ADDRESSES: 'true' }

describeEndpoint(getDelivery, {
  given: (tenant, world) => givenDelivery(world, tenant),
  call: ({ webhookId, deliveryId }) => ({ params: { webhookId, deliveryId } }),
  world: { environment },
})

describe('a delivery', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ environment })
  })
  afterAll(() => world.close())

  it('shows its payload before anything was sent', async () => {
    const tenant = await world.tenant()
    const { webhookId, deliveryId, eventId } = await givenDelivery(world, tenant, 'pending')
    const { body } = await tenant.send(`GET /api/webhooks/${webhookId}/deliveries/${deliveryId}`)
    expect(body).toMatchObject({ id: deliveryId, status: 'pending', request: null, response: null })
    expect(body.payload).toMatchObject({
      id: eventId,
      type: 'run.completed',
      data: { object: { object: 'run', status: 'success', input: {} } },
    })
  })

  it('says that the content was deleted when the run was', async () => {
    const tenant = await world.tenant()
    const { webhookId, deliveryId, uuids } = await givenDelivery(world, tenant)
    const { run_id: runId } = await world.platform.db
      .selectFrom('webhook_events')
      .select('run_id')
      .where('id', '=', uuids.event)
      .executeTakeFirstOrThrow()
    await world.platform.db.deleteFrom('runs').where('id', '=', runId).execute()
    const { body } = await tenant.send(`GET /api/webhooks/${webhookId}/deliveries/${deliveryId}`)
    expect(body.payload.data.object).toMatchObject({ object: 'run', status: 'success', contentDeleted: true })
    expect(body.payload.data.object).not.toHaveProperty('input')
  })

  it('is found under its own webhook only', async () => {
    const tenant = await world.tenant()
    const [one, other] = [await givenDelivery(world, tenant), await givenDelivery(world, tenant)]
    expectProblem(
      getDelivery,
      await tenant.send(`GET /api/webhooks/${one.webhookId}/deliveries/${other.deliveryId}`),
      'delivery-not-found',
    )
  })
})
