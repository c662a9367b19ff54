import { toWireId } from '../../../platform/ids/id.ts'
import { job } from '../../../platform/jobs/job.ts'
import { runInRests } from '../../../platform/jobs/run-in-rests.ts'
import { erasureSteps } from './erasure-steps.ts'

/** Goes on with erasures that took longer than their requests, or were interrupted. */
export const continueErasures = job({
  name: 'continue-erasures',
  everyMs: 60_000,
  wakes: ['erasures'],
  run: (platform, signal) =>
    runInRests(erasureSteps(platform), signal, ({ whose, isLast }) => {
      if (isLast) platform.log.info({ endUserId: toWireId('eu', whose.endUserId) }, 'An end-user was erased.')
    }),
})
