import { feature } from '../../../platform/http/feature.ts'
import { streamAgentRuns } from './stream-agent-runs.ts'
import { streamRun } from './stream-run.ts'
import { streamRuns } from './stream-runs.ts'

export { PingWire, ResyncWire } from './open-stream.ts'

export const realtimeFeature = feature({
  folder: 'delivery/realtime',
  tag: 'Realtime',
  description: 'Live events of runs, as Server-Sent Events.',
  endpoints: { streamRun, streamAgentRuns, streamRuns },
})
