import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { eventually } from '../../../testing/factories/run-world.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../applications/index.ts'
import { apiKeysFeature } from './index.ts'
import { updateApiKey } from './update-api-key.ts'

const options = { features: [apiKeysFeature, applicationsFeature] }

describeEndpoint(updateApiKey, {
  as: 'session',
  given: async (tenant) => tenant.apiKeyId,
  call: (keyId) => ({ params: { keyId }, body: { name: 'Renamed' } }),
  world: options,
})

describe('changing an API key', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())
  const given = async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    return { tenant, send, patch: (body: object) => send(`PATCH /api/api-keys/${tenant.apiKeyId}`, { body }) }
  }

  it('changes the given fields, and records their values before and after in the audit log', async () => {
    const { tenant, send, patch } = await given()
    const answer = await patch({ name: 'Shop', scopes: ['applications:read'] })
    expect(answer.body).toMatchObject({ id: tenant.apiKeyId, name: 'Shop', scopes: ['applications:read'] })
    expect((await patch({})).body).toEqual(answer.body)
    expect((await send(`GET /api/api-keys/${tenant.apiKeyId}`)).body).toEqual(answer.body)
    const requestId = String(answer.headers.get('request-id'))
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .select('changes')
      .where('request_id', '=', requestId)
      .executeTakeFirstOrThrow()
    expect(entry.changes).toEqual({
      name: { before: 'Test key', after: 'Shop' },
      scopes: { before: expect.any(Array), after: ['applications:read'] },
    })
  })

  it('applies new scopes immediately, even if the key was just used', async () => {
    const { tenant, patch } = await given()
    const rename = (name: string) => tenant.send(`PATCH /api/applications/${tenant.appId}`, { body: { name } })
    expect((await rename('a')).status).toBe(200)
    await patch({ scopes: ['applications:read'] })
    expectProblem(undefined, await rename('b'), 'forbidden')
    await patch({ scopes: ['applications:read', 'applications:write'] })
    await eventually(async () => ((await rename('c')).status === 200 ? true : undefined))
  })

  it.each([
    { scopes: ['api-keys:create'] },
    { scopes: ['nonsense:read'] },
    { scopes: [] },
    { scopes: ['runs:read', 'runs:read'] },
    { name: ' ' },
    { expiresAt: null },
  ])('refuses %j', async (body) => {
    const { patch, send, tenant } = await given()
    const before = (await send(`GET /api/api-keys/${tenant.apiKeyId}`)).body
    expectProblem(updateApiKey, await patch(body), 'validation-error')
    expect((await send(`GET /api/api-keys/${tenant.apiKeyId}`)).body).toEqual(before)
  })

  it('refuses members and API keys, and answers 404 for a revoked key', async () => {
    const member = await world.tenant({ role: 'member' })
    expectProblem(
      updateApiKey,
      await (await member.session()).send(`PATCH /api/api-keys/${member.apiKeyId}`, { body: {} }),
      'forbidden',
    )
    const { tenant, send, patch } = await given()
    expectProblem(updateApiKey, await tenant.send(`PATCH /api/api-keys/${tenant.apiKeyId}`, { body: {} }), 'forbidden')
    await send(`DELETE /api/api-keys/${tenant.apiKeyId}`)
    expectProblem(updateApiKey, await patch({ name: 'x' }), 'api-key-not-found')
  })
})
