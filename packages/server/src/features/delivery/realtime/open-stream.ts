import type { AppScope, KeyCaller, UserCaller } from '../../../platform/access/caller.ts'
import { hijacked, type AnyCall } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import type { Position } from '../../execution/runs/index.ts'
import type { Snapshot } from './position.ts'
import { realtimeHub } from './realtime-hub.ts'
import type { Source } from './source.ts'
import { Subscriber } from './subscriber.ts'

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  connection: 'close',
} as const

/** The parts of a call that a stream needs. */
export type StreamCall = Pick<AnyCall, 'request' | 'reply' | 'platform' | 'apiVersion' | 'now'> & {
  readonly scope: AppScope
  readonly caller: UserCaller | KeyCaller
  readonly query: { readonly after?: string }
}

/** The cursor that a client sent: none, a position, or an invalid text. */
export type Cursor = Position | 'none' | 'invalid'

/**
 * Reads `Last-Event-ID`, which a reconnecting client sends together with its first URL, or else `?after=`.
 * Throws `validation-error` for an invalid `after`, which a browser never adds by itself.
 */
export function readCursor({ request, query }: StreamCall, parse: (text: string) => Position | undefined): Cursor {
  const header = request.headers['last-event-id']
  if (typeof header === 'string' && header !== '') return parse(header) ?? 'invalid'
  if (query.after === undefined) return 'none'
  const position = parse(query.after)
  if (position !== undefined) return position
  const mistake = { pointer: 'query/after', message: 'must be the id of an event of this stream', code: 'format' }
  throw problem('validation-error', { detail: `'after' ${mistake.message}.`, errors: [mistake] })
}

export interface StreamStart {
  readonly position: Position
  readonly since?: Snapshot | undefined
  /** The first frames that the client receives. */
  readonly greeting: readonly Buffer[]
}

/** Takes the connection over and follows the source from a position on. */
export function openStream(call: StreamCall, source: Source, start: StreamStart): typeof hijacked {
  const { reply, platform, scope, caller, apiVersion, now } = call
  const hub = platform.use(realtimeHub)
  const response = reply.raw
  const subscriber = new Subscriber({
    response,
    source,
    position: start.position,
    since: start.since,
    version: apiVersion,
    endUserId: scope.endUserId,
    holder:
      caller.kind === 'api-key'
        ? { keyId: caller.keyId }
        : { userId: caller.userId, sessionId: caller.sessionId ?? '' },
    openedAtMs: now.getTime(),
  })
  reply.hijack()
  response.on('close', () => hub.forget(subscriber))
  for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...streamHeaders }))
    if (value !== undefined) response.setHeader(name, value)
  response.writeHead(200)
  for (const frame of start.greeting) subscriber.write(frame)
  hub.follow(subscriber)
  return hijacked
}
