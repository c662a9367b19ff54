import { toWireId } from '../../../platform/ids/id.ts'
import { job } from '../../../platform/jobs/job.ts'
import { runInRests } from '../../../platform/jobs/run-in-rests.ts'
import { removalSteps, type RemovalStep } from './removal-steps.ts'

/** Removes what deleted applications and organizations contain. */
export const removeDeleted = job({
  name: 'remove-deleted',
  everyMs: 60_000,
  wakes: ['deletions'],
  run: ({ db, hooks, log }, signal) =>
    runInRests(removalSteps({ db, hooks }), signal, (step) => {
      if (step.table === null) log.info(nameOf(step), 'Everything in a deleted container was removed.')
    }),
})

function nameOf({ noun, containerId }: RemovalStep) {
  return noun === 'application' ? { appId: toWireId('app', containerId) } : { orgId: toWireId('org', containerId) }
}
