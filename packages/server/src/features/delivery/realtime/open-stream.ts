import { Type } from 'typebox'
import type { AppScope, KeyCaller, UserCaller } from '../../../platform/access/caller.ts'
import { hijacked, type AnyCall } from '../../../platform/http/endpoint.ts'
import { OneOf } from '../../../platform/http/wire.ts'
import type { Platform } from '../../../platform/platform.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { quotas } from '../../accounts/quotas/index.ts'
import { countEventsAfter, type Position } from '../../execution/runs/index.ts'
import { parseCursor, type Beginning } from './position.ts'
import { realtimeHub } from './realtime-hub.ts'
import { findBeginning } from './snapshot-store.ts'
import { idOf, pingFrame, resyncFrame, retryHint, type Source } from './source.ts'
import { Subscriber } from './subscriber.ts'

export const streamQuery = {
  after: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Start after the event with this id. If `Last-Event-ID` is sent too, it takes precedence.',
    }),
  ),
}

/** Ends the description of each stream: the page is generated from the schemas of the events. */
export const seeEvents = 'Every event with its fields and an example: https://appstrate.dev/docs/events'

export const StreamWire = Type.String({
  description:
    'Server-Sent Events: `run_update` (a run without its large fields), `run_log` (an entry of its log), ' +
    '`ping` every 15 seconds, ' +
    'and `resync` when the cursor is too old or invalid: then reload the state.',
})

export const PingWire = Type.Object({})

export const ResyncWire = Type.Object({
  reason: OneOf(['cursor-invalid', 'cursor-too-old'], {
    description:
      '`cursor-invalid`: the cursor is of another stream or malformed; `cursor-too-old`: too many events follow it.',
  }),
})

/** A client whose cursor is further back gets `resync`: it must reload the state. */
const replayEventsMax = 10_000

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  connection: 'close',
} as const

/** The parts of a call that a stream needs. */
export type StreamCall = Pick<AnyCall, 'request' | 'reply' | 'apiVersion' | 'now'> & {
  readonly platform: Pick<Platform, 'use'>
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
  readonly since?: Beginning | undefined
  /** The first frames that the client receives. */
  readonly greeting: readonly Buffer[]
}

function nameOf({ caller, scope }: StreamCall): string {
  return caller.kind === 'user' ? caller.userId : `${caller.keyId} ${scope.endUserId ?? ''}`
}

/** Takes the connection over and follows the source from a position on. */
export async function openStream(call: StreamCall, source: Source, start: StreamStart): Promise<typeof hijacked> {
  const { reply, platform, scope, caller, apiVersion, now } = call
  const hub = platform.use(realtimeHub)
  const response = reply.raw
  const { organizationId } = scope
  const { limit: organizationMax } = (await platform.use(quotas).limitsOf(organizationId)).streams
  const giveBack = hub.places.take({ caller: nameOf(call), organizationId, organizationMax })
  const subscriber = new Subscriber({
    response,
    source,
    position: start.position,
    since: start.since,
    version: apiVersion,
    endUserId: scope.endUserId,
    holder:
      caller.kind === 'api-key'
        ? { secretHash: caller.secretHash }
        : { userId: caller.userId, sessionId: caller.sessionId ?? '' },
    openedAtMs: now.getTime(),
    expiresAtMs: (caller.kind === 'api-key' ? caller.expiresAt?.getTime() : undefined) ?? Infinity,
  })
  reply.hijack()
  response.on('close', () => {
    giveBack()
    hub.forget(subscriber)
  })
  // The client disconnected before: there is no event to come.
  if (response.closed) giveBack()
  for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...streamHeaders }))
    if (value !== undefined) response.setHeader(name, value)
  response.writeHead(200)
  for (const frame of start.greeting) subscriber.write(frame)
  hub.follow(subscriber)
  return hijacked
}

/** Streams the runs of an application or an agent from now on, or from the client's cursor. */
export async function openLiveStream(call: StreamCall, source: Source): Promise<typeof hijacked> {
  const cursor = readCursor(call, parseCursor)
  const { position, since, lost } = await findStart(call, source, cursor)
  const id = idOf(source, position)
  // The first frame has an id, so that a client disconnected before the first event misses nothing.
  return openStream(call, source, {
    position,
    since,
    greeting: [retryHint, lost === undefined ? pingFrame(id) : resyncFrame(id, lost)],
  })
}

interface Start {
  readonly position: Position
  /** Skips events that were visible then. */
  readonly since?: Beginning
  readonly lost?: 'cursor-invalid' | 'cursor-too-old'
}

async function findStart({ platform }: StreamCall, source: Source, cursor: Cursor): Promise<Start> {
  const hub = platform.use(realtimeHub)
  // The horizon is read first, so that no event that is still to come is below it.
  const { upTo } = await hub.horizonOf(source.applicationId)
  const since = await hub.read((db) => findBeginning(db, source.applicationId))
  const now = { position: upTo, since }
  if (cursor === 'none') return now
  if (cursor === 'invalid' || cursor > since.last) return { ...now, lost: 'cursor-invalid' }
  const behind = await hub.read((db) => countEventsAfter(db, source, { after: cursor, max: replayEventsMax + 1 }))
  return behind > replayEventsMax ? { ...now, lost: 'cursor-too-old' } : { position: cursor }
}
