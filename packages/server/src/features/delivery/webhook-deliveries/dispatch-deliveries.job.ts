import { job } from '../../../platform/jobs/job.ts'
import { deliver } from './sending/deliver.ts'
import { dispatch } from './sending/dispatcher.ts'

/** Sends what is due, for as long as the process works. Every worker process runs one. */
export const dispatchDeliveries = job({
  name: 'dispatch-deliveries',
  // It listens by itself, because it works on while others rest; this is for its start after a failure.
  everyMs: 1_000,
  wakes: [],
  async run(platform, signal) {
    await dispatch(platform, signal, deliver)
    return false
  },
})
