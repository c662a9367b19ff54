import { whole } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'

export { startWorker, type Worker } from './worker.ts'

const variables = {
  RUNS_CONCURRENT: whole({ meaning: 'Runs that one process executes at a time.', fallback: 1000, min: 1, max: 20_000 }),
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
})
