import { sleep } from '../../../platform/concurrency/sleep.ts'
import { job } from '../../../platform/jobs/job.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { removalSteps, type RemovalStep } from './removal-steps.ts'

/** A round ends after this time, so that a stop does not wait for years of runs. */
const roundMs = 5_000
const restMsMin = 5

/**
 * Removes what deleted applications and organizations contain. It rests after each batch for as long as the batch took,
 * so that it uses at most half of one database connection.
 */
export const removeDeleted = job({
  name: 'remove-deleted',
  everyMs: 60_000,
  wakes: ['deletions'],
  async run({ db, hooks, log }, signal) {
    const startedMs = performance.now()
    let batchMs = startedMs
    for await (const step of removalSteps({ db, hooks })) {
      if (step.table === null) log.info(nameOf(step), 'Everything in a deleted container was removed.')
      const restMs = Math.max(restMsMin, performance.now() - batchMs)
      await sleep(restMs, signal).catch(() => undefined)
      if (signal.aborted) return false
      if (performance.now() - startedMs > roundMs) return true
      batchMs = performance.now()
    }
    return false
  },
})

function nameOf({ noun, containerId }: RemovalStep) {
  return noun === 'application' ? { appId: toWireId('app', containerId) } : { orgId: toWireId('org', containerId) }
}
