import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVersionRegistry } from '../../../platform/api-versions/api-version.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { createWebhook } from './create-webhook.ts'
import { goodWebhook, makeWebhook, mistakesIn, webhookWorld } from './testing/webhook-tests.ts'

describeEndpoint(createWebhook, { given: async () => ({}), call: () => ({ body: goodWebhook }), world: webhookWorld })

describe('createWebhook', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({
      ...webhookWorld,
      versions: createVersionRegistry([
        { date: '2026-03-21', changes: [] },
        { date: '2025-01-01', changes: [] },
      ]),
    })
  })
  afterAll(() => world.close())

  it('returns the webhook with its secret, which no other reply contains', async () => {
    const { send } = await world.tenant()
    const answer = await send('POST /api/webhooks', { body: goodWebhook })
    expect(answer.status, answer.text).toBe(201)
    const { secret, id, createdAt, updatedAt, ...rest } = answer.body
    expect(rest).toEqual({
      ...goodWebhook,
      ...{
        description: null,
        agentId: null,
        payloadMode: 'full',
        apiVersion: '2026-03-21',
        signing: 'hmac',
        publicKey: null,
        previousSecretExpiresAt: null,
      },
      ...{ enabled: true, disabledReason: null, disabledAt: null, failingSince: null },
    })
    expect(id).toMatch(/^wh_[0-9a-z]{26}$/)
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(() => new Webhook(secret)).not.toThrow()
    expect(answer.headers.get('location')).toBe(`/api/webhooks/${id}`)
    const read = await send(`GET /api/webhooks/${id}`)
    expect(read.body).toEqual({ ...rest, id, createdAt, updatedAt })
    expect((await makeWebhook({ send })).secret).not.toBe(secret)
  })

  it('stores the secret nowhere as plain text: not in its row, a stored reply, the audit log or the log', async () => {
    const tenant = await world.tenant()
    const headers = { 'idempotency-key': 'once' }
    const [made, again] = [
      await tenant.send('POST /api/webhooks', { body: goodWebhook, headers }),
      await tenant.send('POST /api/webhooks', { body: goodWebhook, headers }),
    ]
    expect(again.text).toBe(made.text)
    const secret = String(made.body.secret).slice('whsec_'.length)
    const { db } = world.platform
    const webhooks = await db
      .selectFrom('webhooks')
      .selectAll()
      .where('application_id', '=', tenant.applicationId)
      .execute()
    const audit = await db
      .selectFrom('audit_log')
      .selectAll()
      .where('application_id', '=', tenant.applicationId)
      .execute()
    expect([webhooks.length, audit.length]).toEqual([1, 1])
    expect(
      JSON.stringify([webhooks, audit, await db.selectFrom('idempotency_keys').selectAll().execute(), world.logLines]),
    ).not.toContain(secret)
  })

  it('returns the public key with ed25519, and never the private key', async () => {
    const tenant = await world.tenant()
    const made = await makeWebhook(tenant, { signing: 'ed25519' })
    expect(made).toMatchObject({
      signing: 'ed25519',
      secret: null,
      publicKey: expect.stringMatching(/^whpk_[A-Za-z0-9+/]{43}=$/),
    })
    expect((await tenant.send(`GET /api/webhooks/${made.id}`)).body.publicKey).toBe(made.publicKey)
  })

  it('accepts every optional field, and an agent by id or name', async () => {
    const tenant = await world.tenant()
    const agentId = await createAgent(tenant, { name: 'totals' })
    const chosen = { description: 'For tests', payloadMode: 'summary', apiVersion: '2025-01-01', enabled: false }
    expect(await makeWebhook(tenant, { ...chosen, agentId })).toMatchObject({
      ...chosen,
      agentId,
      disabledReason: 'user',
      disabledAt: expect.stringMatching(/Z$/),
    })
    expect(await makeWebhook(tenant, { agentId: `@${tenant.slug}/totals` })).toMatchObject({ agentId })
    expect(await makeWebhook(tenant, { agentId: null })).toMatchObject({ agentId: null })
  })

  it('refuses an agent of another application', async () => {
    const [tenant, stranger] = [await world.tenant(), await world.tenant()]
    for (const agentId of [
      await createAgent(stranger),
      await createAgent({ ...tenant, ...(await tenant.sibling()) }),
      'nonsense',
      '@no/agent',
    ]) {
      expectProblem(
        createWebhook,
        await tenant.send('POST /api/webhooks', { body: { ...goodWebhook, agentId } }),
        'agent-not-found',
      )
    }
  })

  it("uses the organization's API version unless another is given", async () => {
    const tenant = await world.tenant()
    await world.platform.db
      .updateTable('organizations')
      .set({ api_version: '2025-01-01' })
      .where('id', '=', tenant.organizationId)
      .execute()
    expect(await makeWebhook(tenant)).toMatchObject({ apiVersion: '2025-01-01' })
    expect(await makeWebhook(tenant, { apiVersion: '2026-03-21' })).toMatchObject({ apiVersion: '2026-03-21' })
  })

  it('reports every mistake', async () => {
    const { send } = await world.tenant()
    const mistakes = async (changes: Record<string, unknown>) =>
      mistakesIn(await send('POST /api/webhooks', { body: { ...goodWebhook, ...changes } }))
    expect(
      await mistakes({ url: 7, events: [], payloadMode: 'all', signing: 'rsa', enabled: 1, apiVersion: 'new' }),
    ).toEqual(
      expect.arrayContaining([
        '/url type',
        '/events minItems',
        '/payloadMode enum',
        '/signing enum',
        '/enabled type',
        '/apiVersion pattern',
      ]),
    )
    expect(await mistakes({ url: 'http://hooks.example.com/', apiVersion: '2024-01-01' })).toEqual([
      '/url format',
      '/apiVersion enum',
    ])
    expect(await mistakes({ events: ['run.completed', 'run.completed'] })).toEqual(['/events uniqueItems'])
    for (const event of ['test.ping', '*', 'run.*', 'run.success'])
      expect(await mistakes({ events: [event] }), event).toEqual(['/events/0 enum'])
    for (const url of [
      'https://user:pw@example.com',
      'https://127.0.0.1/',
      'https://localhost:8443/',
      'https://2130706433/',
      'https://[::ffff:10.0.0.1]/',
      'https://169.254.169.254/',
    ]) {
      expect(await mistakes({ url }), url).toEqual(['/url format'])
    }
  })

  it('accepts http and local addresses if the server allows local webhooks', async () => {
    const local = await openWorld({ ...webhookWorld, environment: { ALLOW_PRIVATE_ADDRESSES: 'true' } })
    expect(await makeWebhook(await local.tenant(), { url: 'http://127.0.0.1:4000/hooks' })).toMatchObject({
      url: 'http://127.0.0.1:4000/hooks',
    })
    await local.close()
  })

  it('stops at 20 per application, also with concurrent requests', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    const answers = await Promise.all(
      Array.from({ length: 24 }, () => tenant.send('POST /api/webhooks', { body: goodWebhook })),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20)
    for (const answer of answers.filter(({ status }) => status !== 201))
      expectProblem(createWebhook, answer, 'webhook-limit-reached')
    expect((await tenant.send('GET /api/webhooks')).body.pagination.total).toBe(20)
    await makeWebhook(sibling)
    await tenant.send(`DELETE /api/webhooks/${answers.find(({ status }) => status === 201)?.body.id}`)
    await makeWebhook(tenant)
  })

  it('is for owners and admins, and not for end-users', async () => {
    for (const [role, status] of [
      ['admin', 201],
      ['member', 403],
      ['viewer', 403],
    ] as const) {
      const { send } = await (await world.tenant({ role })).session()
      expect((await send('POST /api/webhooks', { body: goodWebhook })).status, role).toBe(status)
    }
    const tenant = await world.tenant()
    const answer = await tenant.sendAs(await tenant.endUser())('POST /api/webhooks', { body: goodWebhook })
    expectProblem(createWebhook, answer, 'forbidden')
    expect(answer.body.detail).toContain('without Appstrate-User')
  })

  it('binds the secret to its row', async () => {
    const tenant = await world.tenant()
    const [first, second] = [await makeWebhook(tenant), await makeWebhook(tenant)]
    const rows = await world.platform.db
      .selectFrom('webhooks')
      .select(['id', 'encrypted_secret'])
      .where('application_id', '=', tenant.applicationId)
      .execute()
    const sealed = rows.find(({ id }) => id === parseWireId('wh', first.id))?.encrypted_secret ?? ''
    expect(world.platform.keyRing.unseal(sealed, `webhooks/${parseWireId('wh', first.id)}`)).toBe(first.secret)
    expect(() => world.platform.keyRing.unseal(sealed, `webhooks/${parseWireId('wh', second.id)}`)).toThrow(
      'belongs to another row',
    )
  })
})
