import { startModelServer, type ModelServer, type Scenario } from '@appstrate/model-server'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createClient, follow, type Client } from './client.ts'
import { connectModel, until } from './journeys.ts'
import { createInstance, type FirstRun, type Instance } from './server-process.ts'

/** Three steps. Before the kill one of them takes so long that no run ends early, even on a slow machine. */
const scenario = ({ secondMs = 100, thirdMs = 100 }: { secondMs?: number; thirdMs?: number } = {}): Scenario => ({
  steps: [
    {
      text: 'First.',
      toolCalls: [{ name: 'bash', arguments: { command: 'echo one >> /workspace/output/effects.txt' } }],
    },
    {
      delayMs: secondMs,
      text: 'Second.',
      toolCalls: [{ name: 'bash', arguments: { command: 'sleep 3; echo two >> /workspace/output/effects.txt' } }],
    },
    [
      { when: { lastToolResult: { matches: 'interrupted' } }, repeatToolCalls: true },
      {
        delayMs: thirdMs,
        text: 'Third.',
        toolCalls: [
          {
            name: 'bash',
            arguments: { command: 'echo three >> /workspace/output/effects.txt; cat /workspace/output/effects.txt' },
          },
        ],
      },
    ],
    { toolCalls: [{ name: 'output', arguments: { effects: '{{lastToolResult}}' } }] },
    { text: 'Done.' },
  ],
})
const never = 3_600_000

describe('a server that is killed in the middle of a run', () => {
  let models: ModelServer
  let instance: Instance
  let firstRun: FirstRun
  let client: Client
  let agentId: string

  beforeAll(async () => {
    models = await startModelServer({ scenarios: { effects: scenario() } })
  })
  afterAll(() => models.close())
  beforeEach(async () => {
    instance = await createInstance()
    firstRun = await instance.start()
    client = createClient(instance.url, firstRun)
    const modelId = await connectModel(instance.url, firstRun, { baseUrl: `${models.url}/v1`, modelId: 'effects' })
    const agent = await client.send('POST /api/agents', {
      name: 'effects',
      displayName: 'Effects',
      prompt: 'Do it.',
      modelId,
    })
    agentId = agent.body.id
  })
  afterEach(() => instance.remove())

  const hasLog = (runId: string, event: string, count: number) => async () =>
    (await client.logs(runId)).filter((log) => log.event === event).length >= count

  it.each([
    ['between two steps', { secondMs: never }, (runId: string) => until(hasLog(runId, 'tool_finished', 1))],
    [
      'in a model call',
      { secondMs: never },
      (runId: string) => until(hasLog(runId, 'tool_finished', 1)).then(() => sleep(500)),
    ],
    [
      'in a tool call',
      { thirdMs: never },
      (runId: string) => until(hasLog(runId, 'tool_started', 2)).then(() => sleep(300)),
    ],
  ])(
    '%s resumes it from its journal, and a reader sees every event once',
    { timeout: 240_000 },
    async (_moment, delays, moment) => {
      models.registerScenario('effects', scenario(delays))
      const started = await client.send('POST /api/runs', { agentId })
      const runId: string = started.body.id
      const reader = follow(instance.url, runId, firstRun.apiKey)
      await moment(runId)
      await instance.kill()
      models.registerScenario('effects', scenario())
      await instance.start()

      const run = await client.ended(runId)
      expect(run, JSON.stringify(run.error)).toMatchObject({ status: 'success' })
      const effects = String(run.output.effects).match(/one|two|three/g)
      expect(effects).toEqual(['one', 'two', 'three'])

      const logs = await client.logs(runId)
      const steps = logs.filter((log) => log.event === 'model_answer').map((log) => log.data.step)
      expect(steps).toEqual(steps.map((_step, index) => index + 1))
      const finished = logs.filter((log) => log.event === 'tool_finished').map((log) => log.data.callId)
      expect(new Set(finished).size).toBe(finished.length)
      expect(logs.filter((log) => log.event === 'run_resumed')).toHaveLength(1)

      await reader.done
      reader.close()
      const seqs = reader.events.map(({ id }) => Number(id))
      expect(seqs).toEqual(seqs.map((_seq, index) => index + 1))
      const files = await client.send(`GET /api/runs/${runId}/files`)
      expect(files.body.data.map((file: { name: string }) => file.name)).toEqual(['effects.txt'])
    },
  )

  it('releases its runs when it is stopped, and exits within ten seconds', { timeout: 240_000 }, async () => {
    models.registerScenario('effects', scenario({ secondMs: never }))
    const started = await client.send('POST /api/runs', { agentId })
    const runId: string = started.body.id
    await until(hasLog(runId, 'tool_finished', 1))
    const reader = follow(instance.url, runId, firstRun.apiKey)
    await until(async () => reader.events.length > 0)
    // If stopping takes longer than ten seconds, the process exits with code 1.
    expect(await instance.stop()).toBe(0)
    models.registerScenario('effects', scenario())
    await instance.start()
    expect(await client.ended(runId)).toMatchObject({ status: 'success' })
    await reader.done
    reader.close()
    const seqs = reader.events.map(({ id }) => Number(id))
    expect(seqs).toEqual(seqs.map((_seq, index) => index + 1))
  })
})
