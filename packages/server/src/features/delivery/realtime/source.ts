import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { VersionRegistry } from '../../../platform/api-versions/api-version.ts'
import type { Db } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { ContentSeal } from '../../accounts/end-users/index.ts'
import {
  unsealEntry,
  unsealRunError,
  loadAgentEvents,
  loadApplicationEvents,
  loadRunEvents,
  RunErrorWire,
  terminalStatuses,
  type EventRow,
  type JournalPage,
  type Position,
  type RunError,
  type Span,
} from '../../execution/runs/index.ts'
import { encodeCursor } from './position.ts'

/** The events of a stream: those of one run, or of all runs of an agent or an application. Ids are stored ids. */
export type Source = (
  | { readonly kind: 'run'; readonly runId: string }
  | { readonly kind: 'agent'; readonly agentId: string }
  | { readonly kind: 'application' }
) &
  OrgScope & { readonly applicationId: string }

/** A key that is equal for equal sources. */
export function keyOf(source: Source): string {
  switch (source.kind) {
    case 'run':
      return `run:${source.runId}`
    case 'agent':
      return `agent:${source.agentId}`
    case 'application':
      return `application:${source.applicationId}`
  }
}

/** The next events of a span, in order. A run's events are all read: they need no horizon. */
export function readSource(db: Db, source: Source, span: Span): Promise<JournalPage> {
  switch (source.kind) {
    case 'run':
      return loadRunEvents(db, source, { runId: source.runId, after: span.after })
    case 'agent':
      return loadAgentEvents(db, source, { agentId: source.agentId, ...span })
    case 'application':
      return loadApplicationEvents(db, source, span)
  }
}

/** The SSE id of a position. */
export function idOf(source: Source, position: Position): string {
  return source.kind === 'run' ? String(position) : encodeCursor(position)
}

/** An event on its way to the subscribers of streams. */
export interface JournalEvent {
  readonly name: 'run_update' | 'run_log'
  readonly seq: number
  /** Its position across runs. */
  readonly acrossRuns: Position
  /** The number of the transaction that inserted it. */
  readonly transaction: number
  readonly endUserId: string | null
  /** The status in a run_update. */
  readonly status: string | null
  /** The event's data in the current version. */
  readonly json: string
}

/** The event of a row; content of an end-user's is decrypted with their seal. */
export function toJournalEvent(stored: EventRow, seal: ContentSeal): JournalEvent {
  const row = stored.end_user_id === null ? stored : unsealRow(stored, seal)
  return {
    name: row.kind,
    seq: row.seq,
    acrossRuns: row.position,
    transaction: Number(row.xid),
    endUserId: row.end_user_id,
    status: row.status,
    json: row.kind === 'run_update' ? (row.data ?? '{}') : toLogJson(row),
  }
}

// The data is inserted as text, without parsing it: it can be large.
function toLogJson(row: EventRow): string {
  const { seq, type, level, event, message } = row
  const head = JSON.stringify({
    id: toWireId('evt', row.id),
    runId: toWireId('run', row.run_id),
    seq,
    type,
    level,
    event,
    message,
  })
  return `${head.slice(0, -1)},"data":${row.data ?? 'null'},"createdAt":"${row.created_at.toISOString()}"}`
}

function unsealRow(row: EventRow, seal: ContentSeal): EventRow {
  const data: unknown = row.data === null ? null : JSON.parse(row.data)
  if (row.kind === 'run_log') {
    const opened = unsealEntry(seal, { message: row.message, data })
    return { ...row, message: opened.message, data: toJsonText(opened.data) }
  }
  return hasError(data) ? { ...row, data: toJsonText({ ...data, error: unsealRunError(seal, data.error) }) } : row
}

const WithError = Compile(Type.Object({ error: RunErrorWire }))

function hasError(data: unknown): data is { readonly error: RunError } {
  return WithError.Check(data)
}

/** An event of a source. Its bytes are encoded once for each API version that a subscriber uses. */
export interface FramedEvent {
  readonly position: Position
  /** The number of the transaction that inserted it. */
  readonly transaction: number
  readonly endUserId: string | null
  /** The approximate size of its frame. */
  readonly sizeBytes: number
  /** True for the last event of the source. */
  readonly ends: boolean
  frame(version: string): Buffer
}

export function frameEvent(versions: VersionRegistry, source: Source, event: JournalEvent): FramedEvent {
  const position = positionOf(source, event)
  const id = idOf(source, position)
  const frames = new Map<string, Buffer>()
  return {
    position,
    transaction: event.transaction,
    endUserId: event.endUserId,
    sizeBytes: event.json.length,
    ends: endsSource(source, event),
    frame(version) {
      const made =
        frames.get(version) ?? eventFrame({ name: event.name, id, data: inVersion(versions, version, event) })
      frames.set(version, made)
      return made
    },
  }
}

function inVersion(versions: VersionRegistry, version: string, { name, json }: JournalEvent): string {
  return version === versions.current
    ? json
    : JSON.stringify(versions.downgradeReply(version, `event:${name}`, JSON.parse(json)))
}

/** The position of an event in a source. */
function positionOf(source: Source, event: JournalEvent): Position {
  return source.kind === 'run' ? event.seq : event.acrossRuns
}

/** True for the last event of a source. */
function endsSource(source: Source, { status }: JournalEvent): boolean {
  return source.kind === 'run' && terminalStatuses.some((terminal) => terminal === status)
}

/** A Server-Sent Event as bytes, encoded once and written to every subscriber. `data` must be JSON on one line. */
export function eventFrame(event: {
  readonly name: string
  readonly id?: string | undefined
  readonly data: string
}): Buffer {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`
  return Buffer.from(`event: ${event.name}\n${id}data: ${event.data}\n\n`)
}

/** Keeps the connection alive. With an id, a reconnect resumes from there even if no event was sent. */
export function pingFrame(id?: string): Buffer {
  return eventFrame({ name: 'ping', id, data: '{}' })
}

/** Tells the client that events up to `id` are skipped, so that it must reload the state. */
export function resyncFrame(id: string | undefined, reason: 'cursor-invalid' | 'cursor-too-old'): Buffer {
  return eventFrame({ name: 'resync', id, data: JSON.stringify({ reason }) })
}

/** How long a client waits before it reconnects. */
const retryMs = 2_000

/** Tells the client how long to wait before it reconnects. */
export const retryHint = Buffer.from(`retry: ${retryMs}\n\n`)

/** Final frame of a stream that the server closes early; tells the client to reconnect. */
export const goodbye = Buffer.from(`: reconnect to continue\nretry: ${retryMs}\n\n`)
