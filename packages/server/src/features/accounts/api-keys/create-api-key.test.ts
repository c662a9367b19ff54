import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openMailbox } from '../../../platform/mail/testing/mailbox.ts'
import { requester } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { hashKey } from './api-key.ts'
import { applicationsFeature } from '../applications/index.ts'
import { createApiKey } from './create-api-key.ts'
import { apiKeysFeature } from './index.ts'

const options = { features: [apiKeysFeature, applicationsFeature] }

describeEndpoint(createApiKey, {
  as: 'session',
  given: async () => undefined,
  call: () => ({ body: { name: 'CI' } }),
  world: options,
})

describe('creating an API key', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('shows the secret once; the key works in its application with the granted scopes', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const answer = await send('POST /api/api-keys', {
      body: { name: 'CI', scopes: ['applications:read'], expiresAt: '2100-01-01T00:00:00.000Z' },
    })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('location')).toBe(`/api/api-keys/${answer.body.id}`)
    expect(answer.body).toMatchObject({
      name: 'CI',
      keyPrefix: answer.body.key.slice(0, 8),
      scopes: ['applications:read'],
      createdBy: tenant.userId,
      expiresAt: '2100-01-01T00:00:00.000Z',
      lastUsedAt: null,
      revokedAt: null,
    })
    const asKey = requester(world.url, { authorization: `Bearer ${String(answer.body.key)}` })
    expect((await asKey(`GET /api/applications/${tenant.appId}`)).status).toBe(200)
    expect((await asKey(`PATCH /api/applications/${tenant.appId}`, { body: { name: 'x' } })).status).toBe(403)
    expect(JSON.stringify((await send('GET /api/api-keys')).body)).not.toContain(answer.body.key)
  })

  it('stores only the SHA-256 of the secret, and logs no part of it', async () => {
    const tenant = await world.tenant()
    const { key, id } = (await (await tenant.session()).send('POST /api/api-keys', { body: { name: 'CI' } })).body
    const row = await world.platform.db
      .selectFrom('api_keys')
      .selectAll()
      .where('id', '=', parseWireId('key', id) ?? '')
      .executeTakeFirstOrThrow()
    expect(row.key_hash).toEqual(hashKey(key))
    expect(JSON.stringify(row)).not.toContain(key.slice(8))
    expect(world.logLines.join('\n')).not.toContain(key.slice(8))
  })

  it('grants every scope of the role when the request names none', async () => {
    const owner = await (await world.tenant()).session()
    const admin = await (await world.tenant({ role: 'admin' })).session()
    expect((await owner.send('POST /api/api-keys', { body: { name: 'all' } })).body.scopes).toEqual(
      world.platform.permissions.grantable,
    )
    expect((await admin.send('POST /api/api-keys', { body: { name: 'all' } })).body.scopes).toEqual(
      world.platform.permissions.grantable.filter((scope) => world.platform.permissions.of('admin').has(scope)),
    )
  })

  it('reports every scope that cannot be granted, and an expiry in the past', async () => {
    const { send } = await (await world.tenant()).session()
    const body = {
      name: 'CI',
      scopes: ['runs:read', 'api-keys:create', 'nonsense:read'],
      expiresAt: '2020-01-01T00:00:00Z',
    }
    const answer = await send('POST /api/api-keys', { body })
    expectProblem(createApiKey, answer, 'validation-error')
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/scopes/1',
      '/scopes/2',
      '/expiresAt',
    ])
  })

  it.each([
    { scopes: [] },
    { scopes: ['runs:read', 'runs:read'] },
    { name: '' },
    { name: 'x'.repeat(101) },
    { expiresAt: 'tomorrow' },
  ])('refuses %j', async (wrong) => {
    const { send } = await (await world.tenant()).session()
    expectProblem(
      createApiKey,
      await send('POST /api/api-keys', { body: { name: 'CI', ...wrong } }),
      'validation-error',
    )
  })

  it('refuses members, viewers and API keys', async () => {
    for (const role of ['member', 'viewer'] as const) {
      const { send } = await (await world.tenant({ role })).session()
      expectProblem(createApiKey, await send('POST /api/api-keys', { body: { name: 'CI' } }), 'forbidden')
    }
    expectProblem(
      createApiKey,
      await (await world.tenant()).send('POST /api/api-keys', { body: { name: 'CI' } }),
      'forbidden',
    )
  })
})

it('mails the owner of a new and of a rotated key, without its secret', async () => {
  const mailbox = await openMailbox()
  const world = await openWorld({ ...options, environment: { SMTP_URL: mailbox.url } })
  const tenant = await world.tenant()
  const { send } = await tenant.session()
  const { key, id } = (await send('POST /api/api-keys', { body: { name: 'CI' } })).body
  const rotated = (await send(`POST /api/api-keys/${id}/rotate`, { body: {} })).body.key
  await expect.poll(() => mailbox.mails.length, { timeout: 15_000 }).toBe(2)
  const mails = mailbox.mails.join('\n')
  for (const subject of ['An API key of yours was created', 'An API key of yours was rotated'])
    expect(mails).toContain(`\nSubject: ${subject}\n`)
  expect(mails).toContain('Details: CI')
  for (const secret of [key, rotated]) expect(mails).not.toContain(secret.slice(0, 8))
  await world.close()
  await mailbox.close()
})
