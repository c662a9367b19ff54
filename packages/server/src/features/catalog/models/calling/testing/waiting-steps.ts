import { ModelCallError } from '../model-call-error.ts'
import { step } from '../step.ts'
import { stepRequest, targetAt } from './model-calls.ts'

// The process that the memory test measures: many waiting steps, and the memory that each of them holds.
const [, , url = '', modelId = '', count = '0'] = process.argv
const abort = new AbortController()
const request = stepRequest({ signal: abort.signal, idleTimeoutMs: 600_000, totalTimeoutMs: 600_000 })
await step(targetAt(url, 'hello'), request)

const before = heldBytes()
const steps = Array.from({ length: Number(count) }, () =>
  step(targetAt(url, modelId), request).then(() => 'answered', kindOf),
)

process.on('message', (message) => {
  if (message === 'measure') process.send?.({ bytesPerStep: Math.round((heldBytes() - before) / steps.length) })
  else void stop()
})
process.send?.('ready')

async function stop(): Promise<void> {
  abort.abort()
  process.send?.({ outcomes: [...new Set(await Promise.all(steps))] })
}

function kindOf(error: unknown): string {
  return error instanceof ModelCallError ? error.kind : String(error)
}

function heldBytes(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
