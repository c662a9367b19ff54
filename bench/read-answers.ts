import { startModelServer } from '@appstrate/model-server'
import { EventGuard } from '../packages/server/src/features/catalog/models/calling/event-guard.ts'
import { AnswerReading } from '../packages/server/src/features/catalog/models/calling/reading/answer-reading.ts'
import { createAgent, createModel, keyHeaders, send } from './client.ts'
import { alternate, median, ratioText, type Benchmark } from './measurement.ts'
import { cpuMicroseconds } from './processes.ts'
import { makeDataDir, startServer, type Server } from './server.ts'

const tokens = 100
const steps = 20
const runs = 5
const reads = 1_000
const rounds = 5
const textBytesMax = 1_000_000

const event = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_767_225_600,
    model: 'a-model',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  })}\n\n`
const token = event({ content: ' token' })
const call = event({
  tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: 'log', arguments: '{"message":"x"}' } }],
})
const body = `${token.repeat(tokens)}${call}${event({}, 'tool_calls')}data: [DONE]\n\n`
const chunks = body.split(/(?<=\n\n)/).map((part) => Buffer.from(part))

/** The processor time of reading an answer of 100 tokens and a tool call, against that of a whole step of a run. */
export const readAnswers: Benchmark = {
  name: 'read-answers',
  async measure() {
    const [dataDir, models] = await Promise.all([makeDataDir(), startModelServer({ requestsMax: 1 })])
    const talking = Array.from({ length: steps - 1 }, () => ({ raw: { body, chunks: [token.length] } }))
    models.registerScenario('talking', { steps: [...talking, { text: 'Done.' }] })
    const server = await startServer(dataDir.path)
    try {
      const agentId = await createAgent(server, 'talking', await createModel(server, models.url, 'talking'))
      await stepCpuUs(server, agentId)
      const samples = await alternate(rounds, [() => Promise.resolve(readCpuUs()), () => stepCpuUs(server, agentId)])
      const ratios = samples.map(([read = 0, step = 1]) => read / step)
      const per = (index: number) => `${Math.round(median(samples.map((sample) => sample[index] ?? 0)))} µs CPU`
      const what = 'reading an answer of 100 tokens and a tool call, against the whole step of a run'
      const met = median(ratios) <= 0.05
      return [{ what, measured: per(0), baseline: per(1), ratio: ratioText(ratios), aim: '≤ 5 %', met }]
    } finally {
      await server.stop()
      await models.close()
      await dataDir.remove()
    }
  },
}

async function stepCpuUs(server: Server, agentId: string): Promise<number> {
  const before = await cpuMicroseconds(server.pid)
  const headers = { ...keyHeaders(server), prefer: 'wait=60' }
  for (let run = 0; run < runs; run += 1) await send(`${server.url}/api/runs`, headers, { agentId })
  return ((await cpuMicroseconds(server.pid)) - before) / (runs * steps)
}

function readCpuUs(): number {
  const before = process.cpuUsage()
  for (let count = 0; count < reads; count += 1) readOnce()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / reads
}

function readOnce(): void {
  const guard = new EventGuard(textBytesMax)
  const reading = new AnswerReading({ api: 'openai-compatible', toolNames: new Set(), textBytesMax })
  for (const chunk of chunks) guard.take(chunk).flatMap((each) => reading.take(each))
  reading.end()
}
