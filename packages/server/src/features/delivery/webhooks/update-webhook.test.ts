import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { disableWebhook, recordFailure } from './index.ts'
import { goodWebhook, makeWebhook, mistakesIn, webhookWorld } from './testing/webhook-tests.ts'
import { updateWebhook } from './update-webhook.ts'

describeEndpoint(updateWebhook, {
  given: (tenant) => makeWebhook(tenant),
  call: ({ id }) => ({ params: { webhookId: id }, body: { description: 'Renamed' } }),
  world: webhookWorld,
})

describe('updateWebhook', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(webhookWorld)
  })
  afterAll(() => world.close())
  const given = async (changes: Record<string, unknown> = {}) => {
    const tenant = await world.tenant()
    const webhook = await makeWebhook(tenant, changes)
    return {
      tenant,
      webhook,
      uuid: parseWireId('wh', webhook.id) ?? '',
      patch: (body: Record<string, unknown>) => tenant.send(`PATCH /api/webhooks/${webhook.id}`, { body }),
    }
  }

  it('changes the given fields and keeps the rest', async () => {
    const { tenant, webhook, patch } = await given({ description: 'Old' })
    const agentId = await createAgent(tenant)
    const { secret: _, updatedAt, ...before } = webhook
    const one = await patch({ events: ['run.waiting'], agentId })
    expect(one.body).toEqual({ ...before, events: ['run.waiting'], agentId, updatedAt: expect.any(String) })
    expect(Date.parse(one.body.updatedAt)).toBeGreaterThanOrEqual(Date.parse(updatedAt))
    const two = await patch({
      url: 'https://other.example.com/',
      description: null,
      agentId: null,
      payloadMode: 'summary',
      apiVersion: '2026-03-21',
    })
    expect(two.body).toMatchObject({
      url: 'https://other.example.com/',
      description: null,
      agentId: null,
      payloadMode: 'summary',
      events: ['run.waiting'],
    })
    expect((await tenant.send(`GET /api/webhooks/${webhook.id}`)).body).toEqual(two.body)
  })

  it('disables and enables', async () => {
    const { patch } = await given()
    const off = await patch({ enabled: false })
    expect(off.body).toMatchObject({ enabled: false, disabledReason: 'user', disabledAt: expect.stringMatching(/Z$/) })
    expect((await patch({ enabled: false })).body.disabledAt).toBe(off.body.disabledAt)
    expect((await patch({ enabled: true })).body).toMatchObject({
      enabled: true,
      disabledReason: null,
      disabledAt: null,
    })
  })

  it('enables a webhook that was disabled for failures, and resets its failures', async () => {
    const { uuid, patch } = await given()
    await recordFailure(world.platform.db, uuid, new Date(0))
    const was = { url: goodWebhook.url, failingSince: new Date(0) }
    await world.platform.db
      .transaction()
      .execute((tx) => disableWebhook(tx, uuid, { reason: 'failing', now: new Date(), was }))
    expect((await patch({ description: 'x' })).body).toMatchObject({
      enabled: false,
      disabledReason: 'failing',
      failingSince: '1970-01-01T00:00:00.000Z',
    })
    expect((await patch({ enabled: true })).body).toMatchObject({
      enabled: true,
      disabledReason: null,
      disabledAt: null,
      failingSince: null,
    })
  })

  it('records the changes in the audit log', async () => {
    const { tenant, webhook, patch } = await given()
    const answer = await patch({ events: ['run.waiting'], enabled: false })
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('request_id', '=', String(answer.headers.get('request-id')))
      .executeTakeFirstOrThrow()
    expect(entry).toMatchObject({
      action: 'webhook.updated',
      resource_id: webhook.id,
      application_id: tenant.applicationId,
    })
    expect(entry.changes).toEqual({
      events: { before: webhook.events, after: ['run.waiting'] },
      enabled: { before: true, after: false },
      disabledReason: { before: null, after: 'user' },
      disabledAt: { before: null, after: answer.body.disabledAt },
    })
  })

  it('reports mistakes and changes nothing', async () => {
    const { tenant, webhook, patch } = await given()
    expect(mistakesIn(await patch({ url: 'https://10.0.0.1/', apiVersion: '2020-01-01' }))).toEqual([
      '/url format',
      '/apiVersion enum',
    ])
    expect(mistakesIn(await patch({ events: [] }))).toEqual(['/events minItems'])
    expect(mistakesIn(await patch({ signing: 'ed25519' })), 'another signature needs another secret').toEqual([
      '/signing additionalProperties',
    ])
    expectProblem(updateWebhook, await patch({ description: 'x', agentId: '@no/agent' }), 'agent-not-found')
    const { secret: _, ...before } = webhook
    expect((await tenant.send(`GET /api/webhooks/${webhook.id}`)).body).toEqual(before)
  })

  it('keeps both of two concurrent changes', async () => {
    const { tenant, webhook, patch } = await given()
    await Promise.all([patch({ description: 'both' }), patch({ payloadMode: 'summary' })])
    expect((await tenant.send(`GET /api/webhooks/${webhook.id}`)).body).toMatchObject({
      description: 'both',
      payloadMode: 'summary',
    })
  })

  it('is not for end-users', async () => {
    const { tenant, webhook } = await given()
    expectProblem(
      updateWebhook,
      await tenant.sendAs(await tenant.endUser())(`PATCH /api/webhooks/${webhook.id}`, { body: {} }),
      'forbidden',
    )
  })
})
