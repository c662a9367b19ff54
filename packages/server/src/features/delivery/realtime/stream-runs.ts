import { endpoint } from '../../../platform/http/endpoint.ts'
import { openLiveStream, seeEvents, streamQuery, StreamWire } from './open-stream.ts'

export const streamRuns = endpoint({
  route: 'GET /api/realtime/runs',
  summary: 'Follow all runs of the application',
  description:
    'Streams the events of all runs, from now on or after the event named by `Last-Event-ID` or `after`. ' + seeEvents,
  caller: 'stream',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: streamQuery,
  returns: { 200: StreamWire },
  streams: 'text/event-stream',
  fails: ['too-many-streams'],
  handle: (call) =>
    openLiveStream(call, {
      kind: 'application',
      organizationId: call.scope.organizationId,
      applicationId: call.scope.applicationId,
    }),
})
