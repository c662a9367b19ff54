import { setTimeout as timer } from 'node:timers/promises'
import type { Platform } from '../platform.ts'
import { createSignal } from '../concurrency/signal.ts'
import { sleep } from '../concurrency/sleep.ts'
import { outageLog } from '../db/outage-log.ts'
import type { Job } from './job.ts'

/** After a failure a job waits at least this long, regardless of wake-ups. */
const restAfterFailureMs = 1_000
const stopMs = 6_000

/** Runs jobs independently until they are stopped, each one round at a time. */
export function startJobs(platform: Platform, jobs: readonly Job[]): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const loops = jobs.map((each) => runJob(platform, each, stopping.signal))
  return {
    async stop() {
      stopping.abort()
      await Promise.race([Promise.all(loops), timer(stopMs, undefined, { ref: false })])
    },
  }
}

async function runJob(platform: Platform, { name, everyMs, wakes, run }: Job, signal: AbortSignal): Promise<void> {
  const woken = createSignal(signal)
  const unsubscribes = wakes.map((topic) => platform.wake.subscribe(topic, woken.raise))
  const log = platform.log.child({ job: name })
  const outage = outageLog(log)
  while (!signal.aborted) {
    woken.lower()
    try {
      const isMore = await run(platform, signal)
      outage.over()
      if (isMore) continue
    } catch (error) {
      // During a stop, a job may fail: its work is done again later.
      if (signal.aborted) break
      if (!outage.covers(error)) log.error({ err: error }, 'A job failed; it will be retried.')
      await sleep(restAfterFailureMs, signal).catch(() => undefined)
    }
    await woken.wait(everyMs)
  }
  for (const unsubscribe of unsubscribes) unsubscribe()
}
