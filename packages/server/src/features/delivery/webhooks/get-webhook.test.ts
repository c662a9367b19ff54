import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getWebhook } from './get-webhook.ts'
import { makeWebhook, webhookWorld } from './testing/webhook-tests.ts'

describeEndpoint(getWebhook, {
  given: (tenant) => makeWebhook(tenant),
  call: ({ id }) => ({ params: { webhookId: id } }),
  world: webhookWorld,
})

describe('getWebhook', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(webhookWorld)
  })
  afterAll(() => world.close())

  it('returns the webhook without its secret', async () => {
    const tenant = await world.tenant()
    const { secret, ...webhook } = await makeWebhook(tenant)
    const answer = await tenant.send(`GET /api/webhooks/${webhook.id}`)
    expect(answer.body).toEqual(webhook)
    expect(answer.text).not.toContain(secret)
  })

  it('is not for end-users', async () => {
    const tenant = await world.tenant()
    const { id } = await makeWebhook(tenant)
    expectProblem(getWebhook, await tenant.sendAs(await tenant.endUser())(`GET /api/webhooks/${id}`), 'forbidden')
  })
})
