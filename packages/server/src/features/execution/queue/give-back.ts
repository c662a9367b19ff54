import { sleep } from '../../../platform/concurrency/sleep.ts'
import type { Platform } from '../../../platform/platform.ts'
import { plainSeal } from '../../accounts/end-users/index.ts'
import { appendFenced, Fenced, runReleased, sealEntries, type StoredRun } from '../runs/index.ts'
import type { Execution } from '../engine/index.ts'
import { releaseRun } from './claim-store.ts'

/**
 * Releases the run of an attempt that has stopped before the run's end, so that any worker can claim it. Without this
 * write the run would wait until the worker's lease ends, so it is retried until it succeeds or the worker stops.
 */
export async function giveBack(
  platform: Pick<Platform, 'db' | 'log' | 'wake'>,
  { run, execution, isStopping }: { run: StoredRun; execution: Execution; isStopping: () => boolean },
): Promise<void> {
  if (execution === 'ended') return
  let reason = execution === 'failed' ? undefined : execution
  for (let delayMs = 200; ; delayMs = Math.min(delayMs * 2, 5_000)) {
    // Wait before the first write too: the failure that caused the release may persist. A stopping worker cannot wait.
    if (execution === 'failed' && !isStopping()) await sleep(delayMs)
    try {
      if (reason !== undefined) await note(platform, run, reason)
      reason = undefined
      return await releaseRun(platform.db, run)
    } catch (error) {
      if (error instanceof Fenced || isStopping()) return
      platform.log.warn({ err: error, runId: run.id }, 'The run could not be released; retrying.')
      if (execution !== 'failed') await sleep(delayMs)
    }
  }
}

// The entry also tells a later attempt that this one was not cut off by a failure.
async function note(
  { db, wake }: Pick<Platform, 'db' | 'wake'>,
  run: StoredRun,
  reason: Exclude<Execution, 'ended' | 'failed'>,
): Promise<void> {
  await appendFenced(db, run, { events: sealEntries(plainSeal, [runReleased(reason)]) })
  wake.wake('events', `${run.applicationId}:${run.id}`)
}
