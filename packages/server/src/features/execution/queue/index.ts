import { whole } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'
import { cancelSuspendedRuns } from './cancel-suspended-runs.job.ts'

export { startWorker, type Worker } from './worker.ts'

const variables = {
  RUNS_CONCURRENT: whole({ meaning: 'Runs that one process executes at a time.', fallback: 1000, min: 1, max: 20_000 }),
  ORGANIZATION_SHARE: whole({
    meaning:
      'Percentage of `RUNS_CONCURRENT`, and of the sandboxes of a process, that one organization can have at a time; ' +
      'at least one of each. Below 100, the last place of each is only for an organization that has none there.',
    fallback: 75,
    min: 1,
    max: 100,
  }),
  RUN_SLOT_SECONDS: whole({
    meaning:
      'Seconds without a word from its model after which a run gives its place to a run of another organization that ' +
      'waits. It continues later, with a new call. Set it higher than the time that your slowest model needs. An ' +
      'answer that takes five times as long is also stopped when an organization without any place has waited for so ' +
      'many seconds; the next turn of the run can take longer.',
    fallback: 60,
    min: 1,
    max: 3600,
  }),
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ConfigVariables extends Readonly<typeof variables> {}
}

export const queueFeature = feature({
  folder: 'execution/queue',
  tag: 'Queue',
  description: 'Assigns waiting runs to workers, by fair shares and with leases.',
  variables,
  endpoints: {},
  owns: ['workers'],
  jobs: [cancelSuspendedRuns],
})
