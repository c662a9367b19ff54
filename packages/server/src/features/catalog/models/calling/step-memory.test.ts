import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, expect, test } from 'vitest'

const stepsCount = 1_000
const bytesPerStepMax = 100_000

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({
    requestsMax: 0,
    scenarios: {
      stuck: { steps: [{ text: 'one two', chunkCharacters: 4, chunkDelayMs: 600_000 }] },
    },
  })
})
afterAll(() => server.close())

test('1,000 steps that wait in the middle of an answer hold less than 100 kB each, and all of them can be aborted', {
  timeout: 120_000,
}, async () => {
  const total = server.requests.total
  const program = fileURLToPath(new URL('testing/waiting-steps.ts', import.meta.url))
  const child = fork(program, [server.url, 'stuck', String(stepsCount)], { execArgv: ['--expose-gc'] })
  const ask = async (message: string): Promise<unknown> => {
    child.send(message)
    const answer: unknown[] = await once(child, 'message')
    return answer[0]
  }
  try {
    await once(child, 'message')
    for (
      const deadline = Date.now() + 60_000;
      server.requests.total < total + 1 + stepsCount && Date.now() < deadline;
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(server.requests.total).toBe(total + 1 + stepsCount)
    const measured = Object(await ask('measure'))
    expect(measured.bytesPerStep).toBeGreaterThan(1_000)
    expect(measured.bytesPerStep).toBeLessThan(bytesPerStepMax)
    expect(await ask('stop')).toEqual({ outcomes: ['aborted'] })
  } finally {
    child.kill('SIGKILL')
  }
})
