import { createContext, Script } from 'node:vm'

let task: () => unknown = () => undefined
const watched = createContext({ run: () => task() })
const runTask = new Script('run()')

/** Synchronous work was aborted at its time limit. */
export class TimeLimitReached extends Error {
  override readonly name = 'TimeLimitReached'
}

/** Runs synchronous work, and aborts it after `limitMs`. Throws TimeLimitReached and what `work` throws. */
export function runWithin<T>(limitMs: number, work: () => T): T {
  let outcome: { readonly value: T } | undefined
  task = () => void (outcome = { value: work() })
  // The timeout of node:vm aborts synchronous work, which other code in this thread cannot do.
  try {
    runTask.runInContext(watched, { timeout: limitMs })
  } catch (error) {
    if (isTimeout(error)) throw new TimeLimitReached(`The work took longer than ${limitMs} ms.`)
    throw error
  } finally {
    task = () => undefined
  }
  if (outcome === undefined) throw new Error('The work ended without an outcome.')
  return outcome.value
}

const attemptsMax = 4

/**
 * Runs synchronous work, and aborts it when it has used about `limitMs` of the processor's time. Work that got less,
 * because the machine is busy, starts again with twice the time. Throws TimeLimitReached and what `work` throws.
 */
export function runWithinProcessorTime<T>(limitMs: number, work: () => T): T {
  for (let attempt = 1; ; attempt += 1) {
    const before = process.threadCpuUsage()
    try {
      return runWithin(limitMs * 2 ** (attempt - 1), work)
    } catch (error) {
      const { user, system } = process.threadCpuUsage(before)
      const isStarved = (user + system) / 1000 < limitMs / 2
      if (!(error instanceof TimeLimitReached) || !isStarved || attempt === attemptsMax) throw error
    }
  }
}

function isTimeout(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}
