import { plainSeal, type ContentSeal } from '../../../accounts/end-users/index.ts'
import { toStoredSummary } from '../run-wire.ts'
import { terminalStatuses, type RunStatus, type StoredRun } from '../run.ts'
import type { LogEntry } from './log-entries.ts'

const stored: unique symbol = Symbol('stored')

/** An entry in the form that the journal keeps: the content of an end-user's run is sealed. */
export interface StoredJournalEntry extends Pick<LogEntry, 'type' | 'level' | 'message' | 'data' | 'journal'> {
  readonly [stored]: true
  readonly kind: 'run_update' | 'run_log'
  readonly event: string
  /** The type under which the entry is also written to the outbox, with its data. */
  readonly outbox?: OutboxType
}

/** The changes of a run that other features can read from the outbox. */
export type OutboxType =
  | 'run.started'
  | 'run.waiting'
  | 'run.completed'
  | 'run.failed'
  | 'run.timeout'
  | 'run.cancelled'

const outboxTypes: Readonly<Record<RunStatus, OutboxType | undefined>> = {
  pending: undefined,
  running: 'run.started',
  waiting: 'run.waiting',
  success: 'run.completed',
  failed: 'run.failed',
  timeout: 'run.timeout',
  cancelled: 'run.cancelled',
}

/** The types after which a run no longer changes. */
export const finalOutboxTypes: ReadonlySet<string | undefined> = new Set(
  terminalStatuses.map((status) => outboxTypes[status]),
)

/** The entry that reports a run's state. It has no content but the error, which is stored sealed with the run. */
export function runUpdate(run: StoredRun, event: 'started' | 'completed' | 'cancelled'): StoredJournalEntry {
  const outbox = outboxTypes[run.status]
  return {
    [stored]: true,
    kind: 'run_update',
    type: 'system',
    level: 'info',
    event,
    data: toStoredSummary(run),
    ...(outbox === undefined ? {} : { outbox }),
  }
}

/** Seals the content of log entries. */
export function sealEntries(seal: ContentSeal, entries: readonly LogEntry[]): StoredJournalEntry[] {
  return entries.map((entry) => ({ ...(seal === plainSeal ? entry : sealContent(seal, entry)), [stored]: true }))
}

function sealContent(seal: ContentSeal, entry: LogEntry): LogEntry {
  return {
    ...entry,
    ...(entry.message === undefined ? {} : { message: seal.sealText(entry.message) }),
    ...(entry.data === undefined ? {} : { data: seal.seal(entry.data) }),
    ...(entry.journal === undefined ? {} : { journal: seal.seal(entry.journal) }),
  }
}
