import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { toJsonText } from '../../../platform/db/json-text.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { ContentSeal } from '../../accounts/end-users/index.ts'
import {
  unsealEntry,
  unsealRunError,
  RunErrorWire,
  type EventRow,
  type Position,
  type RunError,
} from '../../execution/runs/index.ts'

/** An event on its way to the subscribers of streams. */
export interface JournalEvent {
  readonly name: 'run_update' | 'run_log'
  readonly seq: number
  readonly acrossRuns: Position
  readonly endUserId: string | null
  /** The status that a run_update tells. */
  readonly status: string | null
  /** The event's data in the current version. */
  readonly json: string
}

/** The event of a row; content of an end-user's is opened with their seal. */
export function toJournalEvent(stored: EventRow, seal: ContentSeal): JournalEvent {
  const row = stored.end_user_id === null ? stored : openRow(stored, seal)
  return {
    name: row.kind,
    seq: row.seq,
    acrossRuns: { transaction: Number(row.xid), position: row.position },
    endUserId: row.end_user_id,
    status: row.status,
    json: row.kind === 'run_update' ? (row.data ?? '{}') : toLogJson(row),
  }
}

// The data is spliced in as text: it can be large, and nobody here looks into it.
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

function openRow(row: EventRow, seal: ContentSeal): EventRow {
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
