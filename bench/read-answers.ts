import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { AnswerReading } from '../packages/server/src/features/catalog/models/calling/reading/answer-reading.ts'
import { readBody } from '../packages/server/src/features/catalog/models/calling/reading/read-body.ts'
import { step } from '../packages/server/src/features/catalog/models/calling/step.ts'
import { stepRequest, targetAt } from '../packages/server/src/features/catalog/models/calling/testing/model-calls.ts'
import { alternate, median, percent, ratioText, type Benchmark } from './measurement.ts'

const tokens = 400
const answers = 40
const rounds = 6
const textBytesMax = 1_000_000

const event = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_767_225_600,
    model: 'a-model',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  })}\n\n`
const start = event({ role: 'assistant', content: '' })
const end = `${event({}, 'stop')}data: [DONE]\n\n`
const body = start + event({ content: ' token' }).repeat(tokens) + end
const chunkBytes = Buffer.byteLength(event({ content: ' token' }))

/** The processor time of reading an answer of 400 tokens, against that of the whole model call around it. */
export const readAnswers: Benchmark = {
  name: 'read-answers',
  async measure() {
    const server = await startModelServer({ requestsMax: 0 })
    server.registerScenario('long', { steps: [{ raw: { body, chunks: [chunkBytes] } }] })
    try {
      const samples = await alternate(rounds, [() => cpuMs(readOnce), () => cpuMs(() => callOnce(server))])
      const ratios = samples.map(([read = 0, call = 1]) => read / call)
      const per = (index: number) => `${median(samples.map((sample) => sample[index] ?? 0)).toFixed(2)} ms`
      const what = 'reading and cleaning an answer of 400 tokens, against the whole model call'
      const met = median(ratios) <= 0.05
      return [{ what, measured: per(0), baseline: per(1), ratio: ratioText(ratios), aim: `≤ ${percent(0.05)}`, met }]
    } finally {
      await server.close()
    }
  },
}

async function cpuMs(once: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  for (let count = 0; count < answers; count += 1) await once()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / answers
}

async function callOnce(server: ModelServer): Promise<void> {
  await step(targetAt(server.url, 'long'), stepRequest())
}

async function readOnce(): Promise<void> {
  const reading = new AnswerReading({ api: 'openai-compatible', toolNames: new Set(), textBytesMax })
  const ignore = () => undefined
  const listener = { reading, textBytesMax, sawBytes: ignore, answered: ignore, failed: ignore }
  const reader = readBody(new Blob([body]).stream(), listener).getReader()
  while (!(await reader.read()).done);
}
