import { sleep } from '../concurrency/sleep.ts'

/** A round ends after this time, so that a stop does not wait for years of data. */
const roundMs = 5_000
const restMsMin = 5

/**
 * Runs a job's steps, each a short transaction, and rests after each for as long as it took: the job uses at most half
 * of one database connection. Ends at the signal, or after some seconds. Returns true if there may be more steps.
 */
export async function runInRests<T>(
  steps: AsyncIterable<T>,
  signal: AbortSignal,
  afterStep: (step: T) => void = () => undefined,
): Promise<boolean> {
  const startedMs = performance.now()
  let stepMs = startedMs
  for await (const step of steps) {
    afterStep(step)
    await sleep(Math.max(restMsMin, performance.now() - stepMs), signal).catch(() => undefined)
    if (signal.aborted) return false
    if (performance.now() - startedMs > roundMs) return true
    stepMs = performance.now()
  }
  return false
}
