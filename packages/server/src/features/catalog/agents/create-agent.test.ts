import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { newWireId } from '../../../platform/ids/id.ts'
import { createAgent } from './create-agent.ts'
import { agentWorld, goodAgent, makeAgent, mistakesIn } from './testing/agent-tests.ts'

describeEndpoint(createAgent, { given: async () => ({}), call: () => ({ body: goodAgent }), world: agentWorld })

describe('createAgent', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(agentWorld)
  })
  afterAll(() => world.close())
  const create = async (changes: Record<string, unknown>) => {
    const tenant = await world.tenant()
    return tenant.send('POST /api/agents', { body: { ...goodAgent, ...changes } })
  }
  const pointersOf = async (changes: Record<string, unknown>) => {
    const answer = await create(changes)
    expectProblem(createAgent, answer, 'validation-error')
    return mistakesIn(answer)
  }

  it('returns the agent and its location, and stores its package in AFPS form', async () => {
    const tenant = await world.tenant()
    const answer = await tenant.send('POST /api/agents', { body: goodAgent })
    expect(answer.status, answer.text).toBe(201)
    const { id, createdAt, updatedAt, ...rest } = answer.body
    expect(rest).toEqual({
      ...goodAgent,
      name: `@${tenant.slug}/csv-totals`,
      version: '1.0.0',
      modelId: null,
      enabled: true,
    })
    expect(id).toMatch(/^agent_[0-9a-z]{26}$/)
    expect(createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(updatedAt).toBe(createdAt)
    expect(answer.headers.get('location')).toBe(`/api/agents/${id}`)
    expect((await tenant.send(`GET /api/agents/${id}`)).body).toEqual(answer.body)
    const stored = await world.platform.db
      .selectFrom('package_versions')
      .select('manifest')
      .where('organization_id', '=', tenant.organizationId)
      .executeTakeFirstOrThrow()
    expect(stored.manifest).toEqual({
      name: `@${tenant.slug}/csv-totals`,
      version: '1.0.0',
      type: 'agent',
      schemaVersion: '1.0',
      displayName: 'CSV totals',
      description: 'Adds up a column',
      dependencies: { tools: { '@appstrate/output': '*', '@appstrate/bash': '*' } },
      input: { schema: goodAgent.input },
      output: { schema: goodAgent.output },
      timeout: 60,
    })
  })

  it('defaults to all tools, any input and output, and 300 s', async () => {
    const tenant = await world.tenant()
    const answer = await tenant.send('POST /api/agents', {
      body: { name: 'a', displayName: 'A', prompt: 'Do it.', version: '2.0.0-beta.1' },
    })
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toMatchObject({
      tools: ['output', 'log', 'report', 'bash', 'read_file', 'write_file', 'edit_file', 'list_files'],
      description: null,
      input: null,
      output: null,
      timeoutSeconds: 300,
      version: '2.0.0-beta.1',
    })
  })

  it('refuses a name that any application of the organization uses, but not that of another organization', async () => {
    const tenant = await world.tenant()
    await makeAgent(tenant)
    expectProblem(createAgent, await tenant.send('POST /api/agents', { body: goodAgent }), 'agent-name-taken')
    const sibling = await tenant.sibling()
    expectProblem(createAgent, await sibling.send('POST /api/agents', { body: goodAgent }), 'agent-name-taken')
    await makeAgent(await world.tenant())
  })

  it('creates one agent from ten parallel requests with the same name', async () => {
    const tenant = await world.tenant()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => tenant.send('POST /api/agents', { body: goodAgent })),
    )
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...Array.from({ length: 9 }, () => 409)])
  })

  it('names every mistake', async () => {
    expect(
      await pointersOf({
        name: 'Bad Name',
        displayName: '',
        prompt: ' \n',
        tools: ['output', 'teleport'],
        timeoutSeconds: 0,
        modelId: 'x',
      }),
    ).toEqual(
      expect.arrayContaining([
        '/name pattern',
        '/displayName minLength',
        '/prompt pattern',
        '/tools/1 enum',
        '/timeoutSeconds minimum',
        '/modelId pattern',
      ]),
    )
    expect(
      await pointersOf({ tools: ['output', 'output'], timeoutSeconds: 3601, name: 'x'.repeat(65), version: 'v1.0.0' }),
    ).toEqual(expect.arrayContaining(['/tools uniqueItems', '/timeoutSeconds maximum', '/name maxLength']))
    expect(
      await pointersOf({
        version: 'v1.0.0',
        input: { type: 'string' },
        output: { type: 'object', properties: { a: { $ref: 'https://x.test/' } } },
      }),
    ).toEqual(['/input/type const', '/output/properties/a/$ref reference', '/version semver'])
  })

  it('refuses names that are not slugs', async () => {
    for (const name of ['', '-a', 'a-', 'a_b', 'a/b', '@a', 'É'])
      expect(await pointersOf({ name }), name).toEqual(['/name pattern'])
  })

  it('accepts a prompt of at most 200,000 bytes, regardless of its escaping', async () => {
    const tenant = await world.tenant()
    const body = JSON.stringify({ ...goodAgent, prompt: 'é'.repeat(100_000) }).replaceAll('é', '\\u00e9')
    const answer = await tenant.send('POST /api/agents', {
      rawBody: body,
      headers: { 'content-type': 'application/json' },
    })
    expect(answer.status, answer.text.slice(0, 500)).toBe(201)
    expect(await pointersOf({ prompt: 'é'.repeat(100_001) })).toEqual(['/prompt maxBytes'])
  })

  it('refuses a model of another organization as if it did not exist', async () => {
    expectProblem(createAgent, await create({ modelId: newWireId('model') }), 'model-not-found')
  })

  it('refuses characters that the database cannot store, and schemas that are too deep', async () => {
    expect(await pointersOf({ prompt: 'a\0b', displayName: 'x\ud800y' })).toEqual(
      expect.arrayContaining(['/prompt characters', '/displayName characters']),
    )
    let deep: unknown = {}
    for (let level = 0; level < 70; level += 1) deep = { not: deep }
    expect(await pointersOf({ input: { type: 'object', not: deep } })).toEqual(['/input maxDepth'])
  })

  it('is for admins and owners', async () => {
    for (const role of ['member', 'viewer'] as const) {
      const tenant = await world.tenant({ role })
      expectProblem(createAgent, await tenant.send('POST /api/agents', { body: goodAgent }), 'forbidden')
    }
    const admin = await world.tenant({ role: 'admin' })
    expect((await admin.send('POST /api/agents', { body: goodAgent })).status).toBe(201)
  })
})
