import { job } from '../../../platform/jobs/job.ts'
import { deliver } from './sending/deliver.ts'
import { dispatch } from './sending/dispatcher.ts'

/** Sends due deliveries for the lifetime of the process. Every worker process runs one. */
export const dispatchDeliveries = job({
  name: 'dispatch-deliveries',
  // It subscribes to wake-ups itself and does not return; the interval restarts it after a failure.
  everyMs: 1_000,
  wakes: [],
  async run(platform, signal) {
    await dispatch(platform, signal, deliver)
    return false
  },
})
