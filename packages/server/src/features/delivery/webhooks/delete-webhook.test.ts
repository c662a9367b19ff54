import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { deleteWebhook } from './delete-webhook.ts'
import { makeWebhook, webhookWorld } from './testing/webhook-tests.ts'

describeEndpoint(deleteWebhook, {
  given: (tenant) => makeWebhook(tenant),
  call: ({ id }) => ({ params: { webhookId: id } }),
  world: webhookWorld,
})

describe('deleteWebhook', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(webhookWorld)
  })
  afterAll(() => world.close())

  it('deletes one webhook, once', async () => {
    const tenant = await world.tenant()
    const [first, second] = [await makeWebhook(tenant), await makeWebhook(tenant)]
    const answers = await Promise.all([1, 2, 3].map(() => tenant.send(`DELETE /api/webhooks/${first.id}`)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 404, 404])
    expectProblem(deleteWebhook, await tenant.send(`DELETE /api/webhooks/${first.id}`), 'webhook-not-found')
    expect((await tenant.send('GET /api/webhooks')).body.data).toMatchObject([{ id: second.id }])
  })

  it('is not for end-users', async () => {
    const tenant = await world.tenant()
    const { id } = await makeWebhook(tenant)
    expectProblem(deleteWebhook, await tenant.sendAs(await tenant.endUser())(`DELETE /api/webhooks/${id}`), 'forbidden')
  })
})
