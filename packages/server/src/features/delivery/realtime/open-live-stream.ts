import type { hijacked } from '../../../platform/http/endpoint.ts'
import { countEventsAfter, type Position } from '../../execution/runs/index.ts'
import { pingFrame, resyncFrame, retryHint } from './frame.ts'
import { openStream, readCursor, type Cursor, type StreamCall } from './open-stream.ts'
import { isAfter, parseCursor, type Snapshot } from './position.ts'
import { realtimeHub } from './realtime-hub.ts'
import { findSnapshot } from './realtime-store.ts'
import { idOf, type Source } from './source.ts'

/** A client whose cursor is further back is told to reload the state. */
const replayEventsMax = 10_000

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
  /** Skips events that were visible in this snapshot. */
  readonly since?: Snapshot
  readonly lost?: 'cursor-invalid' | 'cursor-too-old'
}

async function findStart({ platform }: StreamCall, source: Source, cursor: Cursor): Promise<Start> {
  const hub = platform.use(realtimeHub)
  const since = await hub.read(findSnapshot)
  const now = { position: { transaction: since.xmin, position: 0 }, since }
  if (cursor === 'none') return now
  if (cursor === 'invalid' || isAfter(cursor, now.position)) return { ...now, lost: 'cursor-invalid' }
  const behind = await hub.read((db) => countEventsAfter(db, source, { after: cursor, max: replayEventsMax + 1 }))
  return behind > replayEventsMax ? { ...now, lost: 'cursor-too-old' } : { position: cursor }
}
