import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { goodKey, makeModel, makeProviderKey, mistakesIn, modelWorld } from '../models/testing/model-tests.ts'
import { unsealProviderKey } from './index.ts'
import { updateProviderKey } from './update-provider-key.ts'

describeEndpoint(updateProviderKey, {
  as: 'session',
  given: (tenant) => makeProviderKey(tenant),
  call: (providerKeyId) => ({ params: { providerKeyId }, body: { label: 'Renamed' } }),
  world: modelWorld,
})

describe('updateProviderKey', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(modelWorld)
  })
  afterAll(() => world.close())
  const given = async () => {
    const tenant = await world.tenant()
    const id = await makeProviderKey(tenant)
    const { send } = await tenant.session()
    const secret = async () =>
      (await unsealProviderKey(world.platform, tenant.scope, parseWireId('mkey', id) ?? ''))?.apiKey
    return {
      tenant,
      id,
      secret,
      patch: (body: Record<string, unknown>) => send(`PATCH /api/provider-keys/${id}`, { body }),
    }
  }

  it('changes the given fields and keeps the rest, including the secret', async () => {
    const { secret, patch } = await given()
    expect((await patch({ label: 'Renamed' })).body).toMatchObject({
      label: 'Renamed',
      api: 'openai-compatible',
      baseUrl: goodKey.baseUrl,
    })
    expect(await secret()).toBe(goodKey.apiKey)
    expect((await patch({ apiKey: 'sk-rotated' })).status).toBe(200)
    expect(await secret()).toBe('sk-rotated')
  })

  it('records old and new values in the audit log, but of the secret only that it changed', async () => {
    const { id, patch } = await given()
    const answer = await patch({ label: 'Renamed', apiKey: 'sk-rotated' })
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('request_id', '=', String(answer.headers.get('request-id')))
      .executeTakeFirstOrThrow()
    expect(entry).toMatchObject({
      resource_id: id,
      changes: { label: { before: goodKey.label, after: 'Renamed' }, apiKey: { before: '***', after: '***' } },
    })
    expect(JSON.stringify(entry)).not.toContain('sk-')
    const relabelled = await patch({ label: 'Again' })
    const [second] = await world.platform.db
      .selectFrom('audit_log')
      .select('changes')
      .where('request_id', '=', String(relabelled.headers.get('request-id')))
      .execute()
    expect(second?.changes).toEqual({ label: { before: 'Renamed', after: 'Again' } })
  })

  it('applies to the models that use the key', async () => {
    const { tenant, id, patch } = await given()
    const modelId = await makeModel(tenant, { providerKeyId: id })
    expect((await patch({ api: 'anthropic', baseUrl: null, apiKey: 'sk-ant' })).status).toBe(200)
    expect((await tenant.send(`GET /api/models/${modelId}`)).body).toMatchObject({ api: 'anthropic', baseUrl: null })
  })

  it('requires the secret again before it is sent to another server', async () => {
    const { secret, patch } = await given()
    for (const body of [{ baseUrl: 'http://127.0.0.1:2/v1' }, { api: 'openai' }]) {
      const answer = await patch(body)
      expectProblem(updateProviderKey, answer, 'validation-error')
      expect(mistakesIn(answer)).toEqual(['/apiKey required'])
    }
    expect((await patch({ baseUrl: 'http://127.0.0.1:1/other' })).status).toBe(200)
    expect((await patch({ baseUrl: 'http://127.0.0.1:2/v1', apiKey: 'sk-for-there' })).body.baseUrl).toBe(
      'http://127.0.0.1:2/v1',
    )
    expect(await secret()).toBe('sk-for-there')
  })

  it('names mistakes and changes nothing', async () => {
    const { secret, patch } = await given()
    expect(mistakesIn(await patch({ label: '', apiKey: 'a b' }))).toEqual(
      expect.arrayContaining(['/label minLength', '/apiKey pattern']),
    )
    expect(mistakesIn(await patch({ baseUrl: null, apiKey: 'sk-x' }))).toEqual(['/baseUrl required'])
    expect(await secret()).toBe(goodKey.apiKey)
  })

  it('is not for members', async () => {
    const { id } = await given()
    const { send } = await (await world.tenant({ role: 'member' })).session()
    expectProblem(updateProviderKey, await send(`PATCH /api/provider-keys/${id}`, { body: {} }), 'forbidden')
  })
})
