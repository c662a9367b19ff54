import { whole } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'
import { streamAgentRuns } from './stream-agent-runs.ts'
import { streamRun } from './stream-run.ts'
import { streamRuns } from './stream-runs.ts'

export { PingWire, ResyncWire } from './open-stream.ts'

const problems = {
  'too-many-streams': { status: 429, title: 'Too Many Streams' },
} as const
const variables = {
  STREAMS_PER_CALLER: whole({
    meaning:
      'Event streams that one process keeps open for one caller: a user, an API key, or an API key together with an ' +
      'end-user.',
    fallback: 200,
    min: 1,
    max: 100_000,
  }),
  STREAMS_PER_ORGANIZATION: whole({
    meaning:
      'Event streams that one process keeps open for one organization. ' +
      'An instance administrator can set another limit for one organization.',
    fallback: 1_000,
    min: 1,
    max: 100_000,
  }),
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface ConfigVariables extends Readonly<typeof variables> {}
}

export const realtimeFeature = feature({
  folder: 'delivery/realtime',
  tag: 'Realtime',
  description: 'Live events of runs, as Server-Sent Events.',
  problems,
  variables,
  quotas: { streams: { limit: (config) => config.STREAMS_PER_ORGANIZATION } },
  endpoints: { streamRun, streamAgentRuns, streamRuns },
})
