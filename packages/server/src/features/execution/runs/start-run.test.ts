import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { connectModel } from '../../../testing/factories/model.ts'
import { openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import { newWireId, parseWireId } from '../../../platform/ids/id.ts'
import { nameInputs } from './prepare-run.ts'
import { parseWaitSeconds } from './answer-run.ts'
import { runAgent } from './run-agent.ts'
import { startRun } from './start-run.ts'

const url = 'http://127.0.0.1:9'

describeEndpoint(startRun, {
  async given(tenant, { platform }) {
    await connectModel(platform, tenant, { url, scenario: 'hello' })
    return createAgent(tenant)
  },
  call: (agentId) => ({ body: { agentId } }),
})

describeEndpoint(runAgent, {
  async given(tenant, { platform }) {
    await connectModel(platform, tenant, { url, scenario: 'hello' })
    return createAgent(tenant)
  },
  call: (agentId) => ({ params: { agentId }, body: { input: {} } }),
})

describe('starting a run', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld()
  })
  afterAll(() => world.close())

  it('answers 202 with a pending run and its location, then executes it', async () => {
    const actor = await world.actor('hello')
    const started = await actor.start({ metadata: { ticket: 7 } })
    expect(started.status).toBe(202)
    expect(started.headers.get('location')).toBe(`/api/runs/${started.body.id}`)
    expect(started.body).toMatchObject({
      status: 'pending',
      version: '1.0.0',
      metadata: { ticket: 7 },
      output: null,
      cost: '0',
      modelId: actor.modelId,
    })
  })

  it('starts the journal with the run as the reply shows it', async () => {
    const actor = await world.actor('hello')
    const { body } = await actor.start({ budget: '007.50', metadata: { ticket: 7 } })
    const first = await world.platform.db
      .selectFrom('run_events')
      .select(['seq', 'data'])
      .where('run_id', '=', parseWireId('run', body.id) ?? '')
      .where('event', '=', 'created')
      .execute()
    const { input: _input, config: _config, metadata: _metadata, output: _output, report: _report, ...summary } = body
    expect(summary).toMatchObject({ budget: '7.5', status: 'pending' })
    expect(first).toEqual([{ seq: 1, data: summary }])
  })

  it('delays the reply until the end with Prefer: wait, by id or name of the agent', async () => {
    const actor = await world.actor('hello')
    const done = await actor.runToEnd()
    expect(done.status).toBe(200)
    expect(done.headers.get('preference-applied')).toBe('wait=60')
    expect(done.body).toMatchObject({ status: 'success' })
    const byName = await actor.send(`POST /api/agents/${done.body.agent}/run`, { headers: { prefer: 'wait=60' } })
    expect(byName.status, byName.text).toBe(200)
  })

  it('answers 202 when the time is up first', async () => {
    const actor = await world.actor('long-wait')
    const answer = await actor.send('POST /api/runs', {
      body: { agentId: actor.agentId },
      headers: { prefer: 'wait=1' },
    })
    expect(answer.status).toBe(202)
    await actor.send(`POST /api/runs/${answer.body.id}/cancel`)
  })

  it('checks the input before it inserts a row', async () => {
    const actor = await world.actor('hello', {
      input: {
        type: 'object',
        properties: { month: { type: 'string' }, year: { type: 'integer' } },
        required: ['month'],
      },
    })
    const answer = await actor.start({ input: { year: 'x' } })
    expectProblem(startRun, answer, 'validation-error')
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer).sort()).toEqual([
      '/input/month',
      '/input/year',
    ])
    expect((await actor.send('GET /api/runs')).body.pagination.total).toBe(0)
  })

  it('lists every reason why a run cannot start at once', async () => {
    const tenant = await world.tenant()
    const agentId = await createAgent(tenant, { input: { type: 'object', required: ['month'] } })
    const answer = await tenant.send('POST /api/runs', {
      body: { agentId, modelId: newWireId('model'), files: [newWireId('file')], input: {} },
    })
    expectProblem(startRun, answer, 'run-not-ready')
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer).sort()).toEqual([
      '/files/0',
      '/input/month',
      '/modelId',
    ])
  })

  it("does not start another tenant's agent, model or file", async () => {
    const [actor, stranger] = [await world.actor('hello'), await world.actor('hello')]
    expectProblem(startRun, await actor.start({ agentId: stranger.agentId }), 'agent-not-found')
    expectProblem(startRun, await actor.start({ modelId: stranger.modelId }), 'run-not-ready')
  })

  it('either uses a file or fails when the file is deleted at the same time', async () => {
    const actor = await world.actor('long-wait')
    for (let round = 0; round < 10; round += 1) {
      const form = new FormData()
      form.set('file', new Blob(['a,b']), 'a.csv')
      const file = (await actor.send('POST /api/files', { rawBody: form })).body.id
      const [run, deletion] = await Promise.all([
        actor.start({ files: [file] }),
        actor.send(`DELETE /api/files/${file}`),
      ])
      expect([
        [202, 409],
        [422, 204],
      ]).toContainEqual([run.status, deletion.status])
      if (run.status === 202) await actor.send(`POST /api/runs/${run.body.id}/cancel`)
    }
  })

  it('creates one run for twenty concurrent requests with the same Idempotency-Key', async () => {
    const actor = await world.actor('hello')
    const headers = { 'idempotency-key': '"once"' }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => actor.send('POST /api/runs', { body: { agentId: actor.agentId }, headers })),
    )
    const ids = new Set(answers.filter(({ status }) => status === 202).map(({ body }) => String(body.id)))
    expect(ids.size).toBe(1)
    expect(answers.every(({ status }) => status === 202 || status === 409)).toBe(true)
    expect((await actor.send('GET /api/runs')).body.pagination.total).toBe(1)
  })

  it('never creates a second run when the stored reply was lost, because the key is on the run', async () => {
    const actor = await world.actor('hello')
    const options = { body: { agentId: actor.agentId }, headers: { 'idempotency-key': 'lost' } }
    const first = await actor.send('POST /api/runs', options)
    await forgetReplies(world)
    const again = await actor.send('POST /api/runs', options)
    expect(again.body.id).toBe(first.body.id)
    const other = await actor.send('POST /api/runs', {
      ...options,
      body: { agentId: actor.agentId, metadata: { other: true } },
    })
    expectProblem(startRun, other, 'idempotency-key-reuse')
  })
})

it.each([
  ['wait=30', 30],
  ['respond-async, wait=5', 5],
  ['wait=600', 60],
  ['wait=-1', 0],
  ['waiting=3', 0],
  [undefined, 0],
])('Prefer: %s waits %i s', (header, seconds) => expect(parseWaitSeconds(header)).toBe(seconds))

it('gives input files of the same name unique names in the sandbox', () => {
  const names = ['a.csv', 'a.csv', 'a_1.csv', 'b', 'b'].map((name, index) => ({ id: String(index), name }))
  expect(nameInputs(names).map(({ name }) => name)).toEqual(['a.csv', 'a_1.csv', 'a_1_1.csv', 'b', 'b_1'])
})

// Only those of this world: others use the same Redis.
async function forgetReplies({ platform: { db, redis } }: RunWorld): Promise<void> {
  await db.deleteFrom('idempotency_keys').execute()
  const prefix = redis?.options.keyPrefix ?? ''
  for (const key of (await redis?.keys(`${prefix}*`)) ?? []) await redis?.del(key.slice(prefix.length))
}
