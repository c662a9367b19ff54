import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { createWebhook } from './create-webhook.ts'
import { webhooksFeature } from './index.ts'
import { rotateWebhookSecret } from './rotate-webhook-secret.ts'
import { updateWebhook } from './update-webhook.ts'

describe('an API key without runs:read', () => {
  let world: World
  let tenant: Tenant
  let weak: Send
  beforeAll(async () => {
    world = await openWorld({ features: [webhooksFeature] })
    tenant = await world.tenant()
    weak = (await tenant.key({ scopes: ['webhooks:read', 'webhooks:write'] })).send
  })
  afterAll(() => world.close())

  const body = (payloadMode: 'full' | 'summary') => ({
    url: 'https://example.com/hook',
    events: ['run.completed'],
    payloadMode,
  })

  it('cannot create a webhook that sends the contents of runs', async () => {
    const refused = await weak('POST /api/webhooks', { body: body('full') })
    expectProblem(createWebhook, refused, 'forbidden')
    expect(refused.body.detail).toContain('runs:read')
    expect((await weak('POST /api/webhooks', { body: body('summary') })).status).toBe(201)
    expect((await tenant.send('POST /api/webhooks', { body: body('full') })).status).toBe(201)
  })

  it('cannot make a webhook send them, nor send them to another address', async () => {
    const summary = await weak('POST /api/webhooks', { body: body('summary') })
    const full = await tenant.send('POST /api/webhooks', { body: body('full') })
    const update = (webhook: typeof full, change: object) =>
      weak(`PATCH /api/webhooks/${webhook.body.id}`, { body: change })
    expectProblem(updateWebhook, await update(summary, { payloadMode: 'full' }), 'forbidden')
    expectProblem(updateWebhook, await update(full, { url: 'https://example.com/mine' }), 'forbidden')
    expect((await update(summary, { url: 'https://example.com/mine' })).status).toBe(200)
    // Not in two steps either, and nothing else of the webhook.
    for (const change of [{ payloadMode: 'summary' }, { payloadMode: 'summary', url: 'https://example.com/mine' }])
      expectProblem(updateWebhook, await update(full, change), 'forbidden')
    for (const change of [{ enabled: false }, { events: ['run.failed'] }, { agentId: null }, {}])
      expectProblem(updateWebhook, await update(full, change), 'forbidden')
    expect((await tenant.send(`GET /api/webhooks/${full.body.id}`)).body).toMatchObject(body('full'))
  })

  it('cannot rotate the secret of such a webhook, and so learn it', async () => {
    const summary = await weak('POST /api/webhooks', { body: body('summary') })
    const full = await tenant.send('POST /api/webhooks', { body: body('full') })
    const refused = await weak(`POST /api/webhooks/${full.body.id}/rotate`)
    expectProblem(rotateWebhookSecret, refused, 'forbidden')
    expect(refused.text).not.toContain('whsec_')
    expect((await weak(`POST /api/webhooks/${summary.body.id}/rotate`)).status).toBe(200)
    expect((await tenant.send(`POST /api/webhooks/${full.body.id}/rotate`)).status).toBe(200)
  })
})
