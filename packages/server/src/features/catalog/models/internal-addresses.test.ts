import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { portOf } from '../../../platform/http/port-of.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { nobodyAt } from './calling/testing/model-calls.ts'
import { sendEvents, startRawProvider, type RawProvider } from './calling/testing/raw-provider.ts'
import { goodKey, makeModel, makeProviderKey, mistakesIn } from './testing/model-tests.ts'

const publicUrl = 'https://models.example.com/v1'
const secretText = 'postgres://app:s3cret@db/prod'

/** Gives a stored key an address that the API does not accept, as a server with other settings did. */
async function moveKey(world: RunWorld, wireId: string, baseUrl: string): Promise<void> {
  await world.platform.db
    .updateTable('provider_keys')
    .set({ base_url: baseUrl })
    .where('id', '=', parseWireId('mkey', wireId) ?? '')
    .execute()
}

/** Starts a run with the model, waits for its end, and returns it with its log. */
async function runWith(tenant: Tenant, modelId: string): Promise<{ error: unknown; text: string; id: string }> {
  const agentId = await createAgent(tenant)
  const run = await tenant.send('POST /api/runs', { body: { agentId, modelId }, headers: { prefer: 'wait=60' } })
  const logs = await tenant.send(`GET /api/runs/${run.body.id}/logs`, { query: { pageSize: 100 } })
  return { error: run.body.error, text: run.text + logs.text, id: run.body.id }
}

describe('where private addresses are closed', () => {
  let world: RunWorld
  let silent: Server
  let connections = 0
  beforeAll(async () => {
    world = await openRunWorld({ environment: { HOST: '0.0.0.0' } })
    silent = createServer((socket) => {
      connections += 1
      socket.on('error', () => undefined).resume()
    }).listen(0, '127.0.0.1')
    await once(silent, 'listening')
  })
  afterAll(async () => {
    silent.close()
    await world.close()
  })

  it('refuses internal addresses in new and changed keys, all with the same words', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const id = await makeProviderKey(tenant, { baseUrl: publicUrl })
    const hosts = [
      ...['127.0.0.1', '2130706433', 'localhost', 'x.localhost', '[::1]', '10.0.0.1', '192.168.0.1', '100.64.0.1'],
      ...['[fd00::1]', '169.254.169.254', '[fd00:ec2::254]', '[::ffff:10.0.0.1]', '[64:ff9b::a00:1]', '0.0.0.0'],
    ]
    const details = new Set<string>()
    for (const host of hosts) {
      const baseUrl = `http://${host}:${portOf(silent.address())}/v1`
      for (const answer of [
        await send('POST /api/provider-keys', { body: { ...goodKey, baseUrl } }),
        await send(`PATCH /api/provider-keys/${id}`, { body: { baseUrl, apiKey: 'sk-new' } }),
      ]) {
        expect(mistakesIn(answer), host).toEqual(['/baseUrl address'])
        details.add(JSON.stringify(answer.body.errors))
      }
    }
    expect(details.size).toBe(1)
    expect(connections).toBe(0)
  })

  it('answers the same for an open, a closed and a silent port, without a connection', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const id = await makeProviderKey(tenant, { baseUrl: publicUrl })
    const modelId = await makeModel(tenant, { providerKeyId: id })
    const seen = new Set<string>()
    for (const origin of [world.url, nobodyAt, `http://127.0.0.1:${portOf(silent.address())}`, 'http://10.255.255.1']) {
      await moveKey(world, id, `${origin}/v1`)
      for (const path of [`/api/provider-keys/${id}/test`, `/api/models/${modelId}/test`]) {
        const { latencyMs, ...rest } = (await send(`POST ${path}`)).body
        seen.add(JSON.stringify(rest))
        // The shortest wait for a server that does not answer is 10 s.
        expect(latencyMs).toBeLessThan(5_000)
      }
    }
    expect([...seen]).toEqual([
      JSON.stringify({
        ok: false,
        error: 'BLOCKED_URL',
        message:
          "The provider's address must not be called: it is not public. " +
          "This server's operator can allow it with EGRESS_ALLOW.",
      }),
    ])
    expect((await runWith(tenant, modelId)).error).toMatchObject({
      code: 'model-connection',
      message: expect.stringContaining('it is not public'),
    })
    expect(connections).toBe(0)
  })
})

describe('where the operator allowed an internal address', () => {
  let world: RunWorld
  let provider: RawProvider
  let answer: Parameters<typeof startRawProvider>[0]
  beforeAll(async () => {
    world = await openRunWorld({ environment: { HOST: '0.0.0.0', EGRESS_ALLOW: '127.0.0.1:*' } })
    provider = await startRawProvider((reply, path) => answer(reply, path))
  })
  afterAll(async () => {
    await provider.close()
    await world.close()
  })
  const hidden = 'The model server did not give a usable answer. Its address is internal'

  it('tests it, and does not say why a test failed; the log does', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const id = await makeProviderKey(tenant, { baseUrl: `${provider.url}/v1` })
    const modelId = await makeModel(tenant, { providerKeyId: id })
    const test = async () => {
      const answers = [await send(`POST /api/provider-keys/${id}/test`), await send(`POST /api/models/${modelId}/test`)]
      for (const { text } of answers) expect(text).not.toContain('s3cret')
      return answers.map(({ body: { latencyMs: _latencyMs, ...rest } }) => JSON.stringify(rest))
    }
    answer = (reply) => void reply.writeHead(200, { 'content-type': 'application/json' }).end('{"data":[]}')
    expect(await test()).toEqual(['{"ok":true}', '{"ok":true}'])
    const seen = new Set<string>()
    for (const [status, type] of [
      [503, 'application/json'],
      [400, 'application/json'],
      [401, 'application/json'],
      [302, 'text/plain'],
      [200, 'text/html'],
    ] as const) {
      answer = (reply) =>
        void reply
          .writeHead(status, { 'content-type': type, location: `http://x/${secretText}` })
          .end(JSON.stringify({ error: { message: secretText } }))
      for (const outcome of await test()) seen.add(outcome)
    }
    answer = (reply) => void reply.socket?.destroy()
    for (const outcome of await test()) seen.add(outcome)
    await moveKey(world, id, `${nobodyAt}/v1`)
    for (const outcome of await test()) seen.add(outcome)
    expect([...seen]).toEqual([expect.stringContaining(hidden)])
    expect(world.logLines.filter((line) => line.includes(secretText) && line.includes('requestId')).length).toBe(4)
  })

  it.each<[string, Parameters<typeof startRawProvider>[0]]>([
    [
      'an error',
      (reply) =>
        void reply
          .writeHead(400, { 'content-type': 'application/json' })
          .end(JSON.stringify({ error: { message: secretText } })),
    ],
    [
      'an error in its stream',
      (reply) => sendEvents(reply, [{ error: { message: secretText, type: 'invalid_request_error', code: 400 } }]),
    ],
    ['a redirect', (reply) => void reply.writeHead(307, { location: `http://x/${secretText}` }).end(secretText)],
  ])('does not show %s to a run; the log does', async (_what, answering) => {
    answer = answering
    const tenant = await world.tenant()
    const providerKeyId = await makeProviderKey(tenant, { baseUrl: `${provider.url}/v1` })
    const { error, text, id } = await runWith(tenant, await makeModel(tenant, { providerKeyId }))
    expect(error).toMatchObject({ code: 'model-connection', message: expect.stringContaining(hidden) })
    expect(text).not.toContain('s3cret')
    const uuid = parseWireId('run', id) ?? ''
    expect(world.logLines.filter((line) => line.includes('internal address') && line.includes(uuid))).toHaveLength(1)
  })

  it('executes runs with its answers', async () => {
    const actor = await world.actor('hello')
    expect((await actor.runToEnd()).body).toMatchObject({ status: 'success' })
  })
})

it('shows why a test failed on a machine of one person', async () => {
  const world = await openRunWorld()
  const provider = await startRawProvider(
    (reply) =>
      void reply
        .writeHead(503, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { message: 'The model is loading.' } })),
  )
  const tenant = await world.tenant()
  const { send } = await tenant.session()
  const id = await makeProviderKey(tenant, { baseUrl: `${provider.url}/v1` })
  expect((await send(`POST /api/provider-keys/${id}/test`)).body.message).toBe(
    'The provider answered with status 503: The model is loading.',
  )
  await provider.close()
  await world.close()
})
