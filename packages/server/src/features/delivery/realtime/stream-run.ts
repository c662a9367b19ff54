import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findRunState, hasEventsToSend, isTerminal, type Position, type RunState } from '../../execution/runs/index.ts'
import { openStream, readCursor, seeEvents, streamQuery, StreamWire, type Cursor } from './open-stream.ts'
import { beginning, parseSeq } from './position.ts'
import { pingFrame, resyncFrame, retryHint } from './source.ts'

export const streamRun = endpoint({
  route: 'GET /api/realtime/runs/:runId',
  summary: 'Follow a run',
  description:
    'Replays the history of a run, then streams its new events, and ends after the last one. ' +
    'The id of an event is its `seq`. ' +
    `A reconnect after the last event of an ended run answers 204. ${seeEvents}`,
  caller: 'stream',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  query: streamQuery,
  returns: { 200: StreamWire, 204: Nothing },
  streams: 'text/event-stream',
  fails: ['run-not-found', 'too-many-streams'],
  async handle(call) {
    const { db, scope, params } = call
    const run = foundOr(await findRunState(db, scope, params.runId), 'run-not-found')
    const cursor = readCursor(call, parseSeq)
    const position = startOf(run, cursor)
    if (isTerminal(run.status) && !(await hasEventsToSend(db, scope, { runId: run.id, after: position ?? beginning })))
      return noContent()
    const first = position === undefined ? resyncFrame(undefined, 'cursor-invalid') : pingFrame()
    const source = {
      kind: 'run',
      runId: run.id,
      organizationId: scope.organizationId,
      applicationId: scope.applicationId,
    } as const
    return openStream(call, source, { position: position ?? beginning, greeting: [retryHint, first] })
  },
})

// A cursor after the last event belongs to another run: send the history instead of skipping it.
function startOf(run: RunState, cursor: Cursor): Position | undefined {
  if (cursor === 'none') return beginning
  return cursor === 'invalid' || cursor > run.lastSeq ? undefined : cursor
}
