import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { findSigningWebhook, signingHeaders } from './index.ts'
import { rotateWebhookSecret } from './rotate-webhook-secret.ts'
import { makeWebhook, mistakesIn, webhookWorld } from './testing/webhook-tests.ts'

describeEndpoint(rotateWebhookSecret, {
  given: (tenant) => makeWebhook(tenant),
  call: ({ id }) => ({ params: { webhookId: id }, body: { overlapSeconds: 60 } }),
  world: webhookWorld,
})

describe('rotateWebhookSecret', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(webhookWorld)
  })
  afterAll(() => world.close())
  const given = async (changes: Record<string, unknown> = {}) => {
    const tenant = await world.tenant()
    const webhook = await makeWebhook(tenant, changes)
    const rotate = (body?: Record<string, unknown>) =>
      tenant.send(`POST /api/webhooks/${webhook.id}/rotate`, body === undefined ? {} : { body })
    /** The secrets that sign a delivery at a time, newest first. */
    const signingAt = async (at: Date) => {
      const stored = await findSigningWebhook(world.platform.db, parseWireId('wh', webhook.id) ?? '')
      if (stored === undefined) throw new Error('The webhook does not exist.')
      return signingHeaders(world.platform, stored, { id: 'evt_1', timestamp: at, body: '{}' })[
        'webhook-signature'
      ].split(' ').length
    }
    return { tenant, webhook, rotate, signingAt }
  }
  const later = (seconds: number) => new Date(Date.now() + seconds * 1000)

  it('returns a new secret, and signs with both for a day', async () => {
    const { webhook, rotate, signingAt } = await given()
    const answer = await rotate()
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toEqual({
      ...webhook,
      secret: expect.stringMatching(/^whsec_/),
      previousSecretExpiresAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    expect(answer.body.secret).not.toBe(webhook.secret)
    const overlapMs = Date.parse(answer.body.previousSecretExpiresAt) - Date.now()
    expect(overlapMs).toBeGreaterThan(86_300_000)
    expect(overlapMs).toBeLessThanOrEqual(86_400_000)
    expect([await signingAt(later(0)), await signingAt(later(86_000)), await signingAt(later(86_500))]).toEqual([
      2, 2, 1,
    ])
  })

  it('ends the old secret at once or after the given time', async () => {
    const { rotate, signingAt } = await given()
    expect((await rotate({ overlapSeconds: 0 })).body.previousSecretExpiresAt).toBeNull()
    expect(await signingAt(later(0))).toBe(1)
    await rotate({ overlapSeconds: 3_600 })
    expect([await signingAt(later(3_500)), await signingAt(later(3_700))]).toEqual([2, 1])
    expect(mistakesIn(await rotate({ overlapSeconds: -1 }))).toEqual(['/overlapSeconds minimum'])
    expect(mistakesIn(await rotate({ overlapSeconds: 604_801 }))).toEqual(['/overlapSeconds maximum'])
  })

  it('returns a new public key with ed25519', async () => {
    const { webhook, rotate, signingAt } = await given({ signing: 'ed25519' })
    const { body } = await rotate()
    expect(body).toMatchObject({ secret: null, publicKey: expect.stringMatching(/^whpk_/) })
    expect(body.publicKey).not.toBe(webhook.publicKey)
    expect(await signingAt(later(0))).toBe(2)
  })

  it('keeps only the last two secrets, also with concurrent rotations', async () => {
    const { rotate, signingAt } = await given()
    const secrets = (await Promise.all([1, 2, 3, 4].map(() => rotate()))).map(({ body }) => body.secret)
    expect(new Set(secrets).size).toBe(4)
    expect(await signingAt(later(0))).toBe(2)
  })

  it('returns the same secret to a retry, and stores it nowhere as plain text', async () => {
    const { tenant, webhook } = await given()
    const rotate = () =>
      tenant.send(`POST /api/webhooks/${webhook.id}/rotate`, { body: {}, headers: { 'idempotency-key': 'once' } })
    const [first, again] = [await rotate(), await rotate()]
    expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([first.text, 'true'])
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .select(['action', 'changes'])
      .where('request_id', '=', String(first.headers.get('request-id')))
      .executeTakeFirstOrThrow()
    expect(entry).toMatchObject({
      action: 'webhook.secret-rotated',
      changes: { secret: { before: '***', after: '***' } },
    })
    const kept = await Promise.all([
      world.platform.db.selectFrom('webhooks').selectAll().execute(),
      world.platform.db.selectFrom('idempotency_keys').selectAll().execute(),
    ])
    expect(JSON.stringify([kept, entry, world.logLines])).not.toContain(
      String(first.body.secret).slice('whsec_'.length),
    )
  })

  it('is not for end-users', async () => {
    const { tenant, webhook } = await given()
    expectProblem(
      rotateWebhookSecret,
      await tenant.sendAs(await tenant.endUser())(`POST /api/webhooks/${webhook.id}/rotate`, { body: {} }),
      'forbidden',
    )
  })
})
