import { startModelServer, type ModelServer, type Scenario } from '@appstrate/model-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StepAnswer } from '../step-message.ts'
import { step } from '../step.ts'
import { failureOfCall, stepRequest, targetAt } from '../testing/model-calls.ts'
import { bodyOf, readRecordings, type ExpectedFailure, type Recording } from '../testing/recordings.ts'
import { cleanText } from './provider-text.ts'
import { noUsage } from './usage-counts.ts'

const recordings = readRecordings()

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({ requestsMax: 0 })
})
afterAll(() => server.close())

/** Sizes of chunks that break the body at many different places, the same ones in each run. */
const sizes = Array.from({ length: 97 }, (_, n) => 1 + ((n * 131 + 17) % 389))
type Chunking = 'whole' | 'lines' | 'small'

/** Calls a server that replies with a recording. */
function play(recording: Recording, chunks: Chunking): Promise<StepAnswer> {
  const { status, headers, expectation, protocol } = recording
  const raw = { status, headers, bodyBase64: bodyOf(recording).toString('base64') }
  const scenario: Scenario = { steps: [{ raw: { ...raw, chunks: chunks === 'small' ? sizes : chunks } }] }
  server.registerScenario(recording.name, scenario)
  const names = expectation.outcome === 'answer' ? expectation.calls.map(({ name }) => name) : []
  const tools = [...new Set(names)].map((name) => ({ name, description: '', parameters: { type: 'object' } }))
  return step(targetAt(server.url, recording.name, protocol), stepRequest({ tools }))
}

async function checkFailure(call: Promise<StepAnswer>, expected: ExpectedFailure): Promise<void> {
  const failure = await failureOfCall(call)
  const { kind, retryable, retryAfterMs } = expected
  const given = { kind, retryable, retryAfterMs }
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  expect(failure).toMatchObject(known)
  expect(failure.message).toContain(cleanText(expected.said, '').replace(/…$/, ''))
}

describe.skipIf(recordings.length === 0)('recorded replies of model servers', () => {
  test.each(recordings.map((recording) => [recording.name, recording] as const))('%s', async (_, recording) => {
    for (const chunks of ['whole', 'lines', 'small'] as const) {
      const { expectation } = recording
      const call = play(recording, chunks)
      if (expectation.outcome === 'failure') await checkFailure(call, expectation)
      else {
        const { text, toolCalls, finishReason, usage } = await call
        const calls = toolCalls.map((item) => ({ name: item.name, arguments: JSON.parse(item.argumentsText || '{}') }))
        expect({ text, calls, finishReason, usage }).toEqual({
          text: expectation.text,
          calls: expectation.calls,
          finishReason: expectation.finishReason,
          usage: expectation.usage ?? noUsage,
        })
      }
    }
  })
})
