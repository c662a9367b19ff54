import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { connectModel } from '../../../testing/factories/model.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { agentWorld, goodAgent, listed, makeAgent, mistakesIn } from './testing/agent-tests.ts'
import { updateAgent } from './update-agent.ts'

describeEndpoint(updateAgent, {
  given: (tenant) => makeAgent(tenant),
  call: ({ id }) => ({ params: { agentId: id }, body: { prompt: 'Do it better.' } }),
  world: agentWorld,
})

describe('updateAgent', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(agentWorld)
  })
  afterAll(() => world.close())
  const given = async () => {
    const tenant = await world.tenant()
    const { id, name } = await makeAgent(tenant)
    return {
      tenant,
      id,
      name,
      patch: (body: Record<string, unknown>) => tenant.send(`PATCH /api/agents/${id}`, { body }),
    }
  }
  const versionsOf = async (tenant: Tenant, id: string): Promise<string[]> => {
    const answer = await tenant.send(`GET /api/agents/${id}/versions`, { query: { pageSize: 100 } })
    return listed(answer, 'version').map(String)
  }

  it('publishes changed content as the next patch version and keeps the rest', async () => {
    const { tenant, id, patch } = await given()
    const answer = await patch({
      prompt: 'Better.',
      tools: ['list_files', 'output'],
      description: null,
      output: null,
      timeoutSeconds: 90,
    })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toMatchObject({
      id,
      displayName: 'CSV totals',
      version: '1.0.1',
      prompt: 'Better.',
      tools: ['output', 'list_files'],
      description: null,
      input: goodAgent.input,
      output: null,
      timeoutSeconds: 90,
    })
    expect((await tenant.send(`GET /api/agents/${id}`)).body).toEqual(answer.body)
    const first = await tenant.send(`GET /api/agents/${id}/versions/1.0.0`)
    expect(first.body).toMatchObject({
      prompt: goodAgent.prompt,
      tools: ['output', 'bash'],
      output: goodAgent.output,
      timeoutSeconds: 60,
    })
  })

  it('records old and new values in the audit log', async () => {
    const { id, patch } = await given()
    const answer = await patch({ prompt: 'x'.repeat(3_000), enabled: false, timeoutSeconds: 60 })
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('request_id', '=', String(answer.headers.get('request-id')))
      .executeTakeFirstOrThrow()
    expect(entry).toMatchObject({ action: 'agent.updated', resource_id: id })
    expect(entry.changes).toEqual({
      version: { before: '1.0.0', after: '1.0.1' },
      prompt: { before: goodAgent.prompt, after: expect.stringMatching(/^x{200}… \(3000 characters/) },
      enabled: { before: true, after: false },
    })
    const same = await patch({ prompt: 'x'.repeat(3_000) })
    expect(
      await world.platform.db
        .selectFrom('audit_log')
        .select('changes')
        .where('request_id', '=', String(same.headers.get('request-id')))
        .execute(),
    ).toEqual([{ changes: null }])
  })

  it('publishes no version when the content stays the same, even if it is sent again', async () => {
    const { tenant, id, patch } = await given()
    for (const body of [
      {},
      { prompt: goodAgent.prompt },
      { input: { required: ['column'], properties: { column: { type: 'string' } }, type: 'object' } },
      { tools: ['bash', 'output'] },
    ]) {
      expect((await patch(body)).body.version, JSON.stringify(body)).toBe('1.0.0')
    }
    await patch({ prompt: 'Better.', version: '1.1.0' })
    expect((await patch({ prompt: 'Better.', version: '1.1.0' })).body.version).toBe('1.1.0')
    expect(await versionsOf(tenant, id)).toEqual(['1.1.0', '1.0.0'])
  })

  it('accepts a given version when it is higher than every other', async () => {
    const { tenant, id, patch } = await given()
    expect((await patch({ prompt: 'a', version: '1.10.0' })).body.version).toBe('1.10.0')
    expect((await patch({ prompt: 'b' })).body.version).toBe('1.10.1')
    for (const version of ['1.9.0', '1.10.1', '1.10.1+build']) {
      const answer = await patch({ prompt: 'c', version })
      expectProblem(updateAgent, answer, 'version-not-higher')
      expect(answer.body.detail).toContain('1.10.1')
    }
    expect(await versionsOf(tenant, id)).toEqual(['1.10.1', '1.10.0', '1.0.0'])
  })

  it('changes the model and the enabled switch without a new version', async () => {
    const { tenant, id, patch } = await given()
    const modelId = await connectModel(world.platform, tenant, { url: 'http://127.0.0.1:1', scenario: 'text-only' })
    expect((await patch({ modelId, enabled: false })).body).toMatchObject({ modelId, enabled: false, version: '1.0.0' })
    expect((await patch({ enabled: true })).body).toMatchObject({ modelId, enabled: true, version: '1.0.0' })
    expect((await patch({ modelId: null })).body).toMatchObject({ modelId: null, version: '1.0.0' })
    expect(await versionsOf(tenant, id)).toEqual(['1.0.0'])
  })

  it("refuses another organization's models", async () => {
    const { patch } = await given()
    const stranger = await world.tenant()
    const foreign = await connectModel(world.platform, stranger, { url: 'http://127.0.0.1:1', scenario: 'text-only' })
    expectProblem(updateAgent, await patch({ modelId: foreign }), 'model-not-found')
    expectProblem(updateAgent, await patch({ modelId: newWireId('model'), prompt: 'never stored' }), 'model-not-found')
  })

  it('falls back to the default model when its own model is deleted', async () => {
    const { tenant, id, patch } = await given()
    const modelId = await connectModel(world.platform, tenant, { url: 'http://127.0.0.1:1', scenario: 'text-only' })
    await patch({ modelId })
    expect((await tenant.send(`DELETE /api/models/${modelId}`)).status).toBe(204)
    expect((await tenant.send(`GET /api/agents/${id}`)).body.modelId).toBeNull()
  })

  it('publishes ten versions for ten parallel changes', async () => {
    const { tenant, id, patch } = await given()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_value, index) => patch({ prompt: `Variant ${index}` })),
    )
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 10 }, () => 200))
    const expected = Array.from({ length: 10 }, (_value, index) => `1.0.${index + 1}`)
    expect(answers.map((answer) => String(answer.body.version)).sort(byPatch)).toEqual(expected)
    expect((await versionsOf(tenant, id)).sort(byPatch)).toEqual(['1.0.0', ...expected])
  })

  it('names every mistake and stores nothing', async () => {
    const { tenant, id, patch } = await given()
    const answer = await patch({
      prompt: 'x',
      version: '1',
      input: { type: 'object', properties: { a: { type: 'text' } } },
    })
    expectProblem(updateAgent, answer, 'validation-error')
    const rules = await patch({
      prompt: 'x',
      version: '1.0.x',
      input: { type: 'object', properties: { a: { type: 'text' } } },
    })
    expect(mistakesIn(rules)).toEqual(['/input schema', '/version semver'])
    expect(await versionsOf(tenant, id)).toEqual(['1.0.0'])
  })

  it('can be addressed by name, and is hidden from sibling applications and other organizations', async () => {
    const { tenant, id, name } = await given()
    const body = { displayName: 'Named' }
    expect((await tenant.send(`PATCH /api/agents/${name}`, { body })).body).toMatchObject({ id, displayName: 'Named' })
    const sibling = await tenant.sibling()
    const stranger = await world.tenant()
    for (const reference of [id, encodeURIComponent(name)]) {
      expectProblem(updateAgent, await sibling.send(`PATCH /api/agents/${reference}`, { body }), 'agent-not-found')
      expectProblem(updateAgent, await stranger.send(`PATCH /api/agents/${reference}`, { body }), 'agent-not-found')
    }
  })

  it('is for admins and owners', async () => {
    const member = await world.tenant({ role: 'member' })
    expectProblem(updateAgent, await member.send(`PATCH /api/agents/${newWireId('agent')}`, { body: {} }), 'forbidden')
  })
})

function byPatch(a: string, b: string): number {
  return Number(a.split('.')[2]) - Number(b.split('.')[2])
}
