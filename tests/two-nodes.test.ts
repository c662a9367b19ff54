import { startModelServer, type ModelServer, type Scenario } from '@appstrate/model-server'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { quickestMs } from '../packages/server/src/testing/quickest.ts'
import { cloneDatabase, type TestDatabase } from '../packages/server/src/testing/test-database.ts'
import { createClient, follow, type Body } from './client.ts'
import { connectModel, signIn, until } from './journeys.ts'
import { createInstance, type FirstRun, type Instance } from './server-process.ts'

/** Before the kill the second step takes so long that no run ends early, even on a slow machine. */
const scenario = (secondMs: number): Scenario => ({
  steps: [
    {
      text: 'First.',
      toolCalls: [{ name: 'bash', arguments: { command: 'echo one >> /workspace/output/effects.txt' } }],
    },
    {
      delayMs: secondMs,
      text: 'Second.',
      toolCalls: [
        {
          name: 'bash',
          arguments: { command: 'echo two >> /workspace/output/effects.txt; cat /workspace/output/effects.txt' },
        },
      ],
    },
    { toolCalls: [{ name: 'output', arguments: { effects: '{{lastToolResult}}' } }] },
    { text: 'Done.' },
  ],
})
const never = 3_600_000

describe('two nodes on one database', () => {
  let models: ModelServer
  let database: TestDatabase
  let first: Instance
  let second: Instance
  let firstRun: FirstRun
  let agentId: string

  beforeAll(async () => {
    models = await startModelServer({ scenarios: { effects: scenario(never) } })
    database = await cloneDatabase()
    const redisUrl = inject('redisUrl')
    const environment = {
      DATABASE_URL: database.connectionString,
      ENCRYPTION_KEYS: `1:${Buffer.alloc(32, 7).toString('base64')}`,
      AUTH_SECRET: 'the same secret on every node, 32+',
      ALLOW_PRIVATE_ADDRESSES: 'true',
      ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
    }
    first = await createInstance({ ...environment, DEMO: 'on' })
    firstRun = await first.start()
    second = await createInstance({ ...environment, DEMO: 'off' }, { dataDir: first.dataDir })
    await second.start()
    const modelId = await connectModel(first.url, firstRun, { baseUrl: `${models.url}/v1`, modelId: 'effects' })
    const agent = await createClient(first.url, firstRun).send('POST /api/agents', {
      name: 'effects',
      displayName: 'Effects',
      prompt: 'Do it.',
      modelId,
    })
    agentId = agent.body.id
  }, 180_000)
  afterAll(async () => {
    await second.remove()
    await first.remove()
    await database.drop()
    await models.close()
  })

  it('apply a revocation on one node to the other within a second', { timeout: 120_000 }, async () => {
    const session = {
      ...(await signIn(first.url, firstRun)),
      'x-app-id': firstRun.appId,
      'content-type': 'application/json',
    }
    expect(await quickestMs(1000, () => revocationMs(session))).toBeLessThan(1000)
  })

  async function revocationMs(session: Record<string, string>): Promise<number> {
    const made = await fetch(`${first.url}/api/api-keys`, {
      method: 'POST',
      headers: session,
      body: JSON.stringify({ name: 'Short-lived' }),
    })
    const { id, key }: Body = await made.json()
    const client = createClient(second.url, { apiKey: key, appId: firstRun.appId })
    expect((await client.send('GET /api/agents')).status).toBe(200)
    await fetch(`${first.url}/api/api-keys/${id}`, { method: 'DELETE', headers: session })
    const startedMs = performance.now()
    await until(async () => (await client.send('GET /api/agents')).status === 401)
    return performance.now() - startedMs
  }

  it('continue the runs of a killed node on the other node, which streams all of their events', {
    timeout: 240_000,
  }, async () => {
    models.registerScenario('effects', scenario(never))
    // While the second node is stopped, the first node claims every run.
    await second.stop()
    const runIds: string[] = []
    for (let index = 0; index < 4; index += 1)
      runIds.push((await createClient(first.url, firstRun).send('POST /api/runs', { agentId })).body.id)
    const logs = (runId: string) => createClient(first.url, firstRun).logs(runId)
    for (const runId of runIds)
      await until(async () => (await logs(runId)).some((log) => log.event === 'tool_finished'))
    await second.start()
    const client = createClient(second.url, firstRun)
    const readers = runIds.map((runId) => follow(second.url, runId, firstRun.apiKey))
    for (const reader of readers) await until(async () => reader.events.length > 0)
    await first.kill()
    models.registerScenario('effects', scenario(100))
    for (const runId of runIds) {
      const run = await client.ended(runId)
      expect(run, JSON.stringify(run.error)).toMatchObject({ status: 'success' })
      expect(String(run.output.effects).match(/one|two/g)).toEqual(['one', 'two'])
      expect((await client.logs(runId)).filter((log: Body) => log.event === 'run_resumed')).toHaveLength(1)
    }
    for (const reader of readers) {
      await reader.done
      reader.close()
      expect(reader.events.map(({ id }) => Number(id))).toEqual(reader.events.map((_event, index) => index + 1))
    }
    await first.start()
  })

  it('create no first run unless configured', async () => {
    expect(second.output()).not.toContain('Appstrate is ready')
  })
})
