import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { goodKey, mistakesIn, modelWorld } from '../models/testing/model-tests.ts'
import { createProviderKey } from './create-provider-key.ts'
import { unsealProviderKey } from './index.ts'

describeEndpoint(createProviderKey, {
  as: 'session',
  given: async () => ({}),
  call: () => ({ body: goodKey }),
  world: modelWorld,
})

describe('createProviderKey', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())

  it('returns the key without its secret', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const answer = await send('POST /api/provider-keys', { body: { ...goodKey, baseUrl: 'http://127.0.0.1:1/v1/' } })
    expect(answer.status, answer.text).toBe(201)
    const { id, createdAt, updatedAt, ...rest } = answer.body
    expect(rest).toEqual({
      label: 'Local',
      api: 'openai-compatible',
      baseUrl: 'http://127.0.0.1:1/v1',
      createdBy: tenant.userId,
    })
    expect(id).toMatch(/^mkey_[0-9a-z]{26}$/)
    expect([createdAt, updatedAt]).toEqual([expect.stringMatching(/Z$/), createdAt])
    expect(answer.headers.get('location')).toBe(`/api/provider-keys/${id}`)
    expect((await send(`GET /api/provider-keys/${id}`)).body).toEqual(answer.body)
  })

  it('stores the secret encrypted, bound to its row', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const ids = await Promise.all(
      [1, 2].map(
        async () => parseWireId('mkey', (await send('POST /api/provider-keys', { body: goodKey })).body.id) ?? '',
      ),
    )
    const rows = await world.platform.db.selectFrom('provider_keys').selectAll().where('id', 'in', ids).execute()
    expect(JSON.stringify(rows)).not.toContain(goodKey.apiKey)
    expect(rows[0]?.encrypted_key).not.toBe(rows[1]?.encrypted_key)
    const [first = '', second = ''] = ids
    expect(await unsealProviderKey(world.platform, tenant.scope, first)).toEqual({
      api: goodKey.api,
      baseUrl: goodKey.baseUrl,
      apiKey: goodKey.apiKey,
    })
    const moved = rows.find((row) => row.id === second)?.encrypted_key ?? ''
    await world.platform.db.updateTable('provider_keys').set({ encrypted_key: moved }).where('id', '=', first).execute()
    await expect(unsealProviderKey(world.platform, tenant.scope, first)).rejects.toThrow('belongs to another row')
  })

  it('never returns and never logs a secret, in any operation on its key', async () => {
    const secret = 'sk-needle-in-every-reply-and-log-line'
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const body = { ...goodKey, apiKey: secret }
    const made = await send('POST /api/provider-keys', { body, headers: { 'idempotency-key': 'once' } })
    const path = `/api/provider-keys/${String(made.body.id)}`
    const model = await tenant.send('POST /api/models', {
      body: { label: 'm', modelId: 'm', providerKeyId: made.body.id },
    })
    const answers = [
      made,
      model,
      await send('POST /api/provider-keys', { body, headers: { 'idempotency-key': 'once' } }),
      await send('POST /api/provider-keys', { body: { ...body, unknown: secret } }),
      await send('POST /api/provider-keys', { body: { ...body, api: 'telepathy', label: '' } }),
      await send('POST /api/provider-keys', {
        rawBody: `{"apiKey":"${secret}"`,
        headers: { 'content-type': 'application/json' },
      }),
      await send('GET /api/provider-keys'),
      await send(`GET ${path}`),
      await send(`PATCH ${path}`, { body: { apiKey: `${secret}-2`, label: 'renamed' } }),
      await send(`POST ${path}/test`),
      await tenant.send(`POST /api/models/${String(model.body.id)}/test`),
      await tenant.send('GET /api/models'),
      await tenant.send('POST /api/provider-keys', { body }),
      await send(`DELETE ${path}`),
    ]
    expect(answers.map((answer) => answer.status)).toEqual([
      201, 201, 201, 422, 422, 400, 200, 200, 200, 200, 200, 200, 403, 204,
    ])
    for (const answer of answers) expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(secret)
    expect(world.logLines.length).toBeGreaterThan(answers.length)
    expect(world.logLines.join('')).not.toContain(secret)
    const audit = await world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('organization_id', '=', tenant.organizationId)
      .execute()
    expect(audit.length).toBeGreaterThan(2)
    expect(JSON.stringify(audit)).not.toContain(secret)
    const kept = await world.platform.db.selectFrom('idempotency_keys').selectAll().execute()
    expect(JSON.stringify(kept)).not.toContain(secret)
  })

  it('accepts a key of each provider, without an address where the provider has its own', async () => {
    const { send } = await (await world.tenant()).session()
    for (const api of ['openai', 'anthropic', 'google', 'mistral']) {
      const answer = await send('POST /api/provider-keys', { body: { label: api, api, apiKey: 'sk-x' } })
      expect(answer.body, answer.text).toMatchObject({ api, baseUrl: null })
    }
    const local = await send('POST /api/provider-keys', {
      body: { label: 'Ollama', api: 'openai-compatible', baseUrl: 'http://localhost:11434/v1' },
    })
    expect(local.status, local.text).toBe(201)
  })

  it('names every mistake', async () => {
    const { send } = await (await world.tenant()).session()
    const mistakes = async (changes: Record<string, unknown>) =>
      mistakesIn(await send('POST /api/provider-keys', { body: { ...goodKey, ...changes } }))
    expect(await mistakes({ label: ' ', api: 'azure', baseUrl: 7, apiKey: 'with blank' })).toEqual([
      '/label pattern',
      '/api enum',
      '/baseUrl type',
      '/apiKey pattern',
    ])
    expect(await mistakes({ baseUrl: undefined })).toEqual(['/baseUrl required'])
    expect(await mistakes({ api: 'openai', baseUrl: 'file:///etc/passwd', apiKey: '' })).toEqual([
      '/baseUrl format',
      '/apiKey required',
    ])
    expect(await mistakes({ apiKey: 'sk-\r\nx-evil: 1' })).toEqual(['/apiKey pattern'])
  })

  it('requires a signed-in owner or admin: API keys are refused', async () => {
    const tenant = await world.tenant()
    expectProblem(createProviderKey, await tenant.send('POST /api/provider-keys', { body: goodKey }), 'forbidden')
    for (const [role, status] of [
      ['admin', 201],
      ['member', 403],
      ['viewer', 403],
    ] as const) {
      const { send } = await (await world.tenant({ role })).session()
      expect((await send('POST /api/provider-keys', { body: goodKey })).status, role).toBe(status)
    }
  })
})
