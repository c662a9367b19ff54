import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, plainSeal, type ContentSeal } from '../../accounts/end-users/index.ts'
import type { JournalEntry, NewEvent, RunProgress } from './journal-store.ts'
import type { JsonRecord, Run, RunError, RunSummary, StoredRun } from './run.ts'

/** The run with its content opened, for those who may read it. */
export async function openRun(platform: Platform, stored: StoredRun): Promise<Run> {
  const { applicationId, endUserId } = stored
  return openRunWith(
    (await platform.use(contentSeals).ofAll(platform.db, applicationId, [endUserId]))(endUserId),
    stored,
  )
}

/** Runs of one application as lists show them: only their errors are opened. */
export async function openSummaries(platform: Platform, stored: readonly StoredRun[]): Promise<RunSummary[]> {
  const [first] = stored
  if (first === undefined) return []
  const sealOf = await platform
    .use(contentSeals)
    .ofAll(platform.db, first.applicationId, new Set(stored.map(({ endUserId }) => endUserId)))
  return stored.map((run) => {
    const seal = sealOf(run.endUserId)
    return { ...run, seal, error: run.error === null ? null : openRunError(seal, run.error) }
  })
}

export function openRunWith(seal: ContentSeal, stored: StoredRun): Run {
  if (stored.endUserId === null) return { ...stored, seal }
  return {
    ...stored,
    input: toRecord(seal.open(stored.input)),
    config: toRecord(seal.open(stored.config)),
    metadata: toRecord(seal.open(stored.metadata)),
    output: seal.open(stored.output),
    report: stored.report === null ? null : openReport(seal, stored.report),
    error: stored.error === null ? null : openRunError(seal, stored.error),
    seal,
  }
}

/** The input, configuration and metadata of a run as they are stored. */
export function sealStart<
  T extends { readonly input: JsonRecord; readonly config: JsonRecord; readonly metadata: JsonRecord },
>(seal: ContentSeal, start: T): T {
  return {
    ...start,
    input: toRecord(seal.seal(start.input)),
    config: toRecord(seal.seal(start.config)),
    metadata: toRecord(seal.seal(start.metadata)),
  }
}

/** An error whose texts may quote content, as it is stored; its code is ours. */
export function sealRunError(seal: ContentSeal, { code, message, reasons }: RunError): RunError {
  const sealed = reasons?.map((reason) => ({
    pointer: seal.sealText(reason.pointer),
    message: seal.sealText(reason.message),
  }))
  return { code, message: seal.sealText(message), ...(sealed === undefined ? {} : { reasons: sealed }) }
}

const erasedText = 'Erased.'

/** The error as it was before `sealRunError`. */
export function openRunError(seal: ContentSeal, { code, message, reasons }: RunError): RunError {
  const open = (text: string) => seal.openText(text) ?? erasedText
  const opened = reasons?.map((reason) => ({ pointer: open(reason.pointer), message: open(reason.message) }))
  return { code, message: open(message), ...(opened === undefined ? {} : { reasons: opened }) }
}

/** Entries of the log as they are stored. An update of the run is not sealed: its data holds no content but the error, sealed with the run. */
export function sealEvents(seal: ContentSeal, events: readonly NewEvent[]): readonly NewEvent[] {
  if (seal === plainSeal) return events
  return events.map((event) =>
    event.kind === 'run_update'
      ? event
      : {
          ...event,
          ...(event.message === undefined ? {} : { message: seal.sealText(event.message) }),
          ...(event.data === undefined ? {} : { data: seal.seal(event.data) }),
          ...(event.journal === undefined ? {} : { journal: seal.seal(event.journal) }),
        },
  )
}

/** Progress as it is stored. */
export function sealProgress(seal: ContentSeal, progress: RunProgress): RunProgress {
  return {
    ...progress,
    ...(progress.output === undefined ? {} : { output: seal.seal(progress.output) }),
    ...(progress.report === undefined ? {} : { report: seal.sealText(progress.report) }),
  }
}

/** Any entry of the log or the journal with its content opened. */
export function openEntry<T extends Pick<JournalEntry, 'message' | 'data'>>(seal: ContentSeal, entry: T): T {
  return {
    ...entry,
    message: entry.message === null ? null : seal.openText(entry.message),
    data: seal.open(entry.data),
  }
}

export function openJournal(seal: ContentSeal, journal: readonly JournalEntry[]): JournalEntry[] {
  return journal.map((entry) => ({ ...openEntry(seal, entry), journal: seal.open(entry.journal) }))
}

// Its sections were sealed one by one, and joined as they are in clear.
function openReport(seal: ContentSeal, report: string): string {
  return report
    .split('\n\n')
    .map((section) => seal.openText(section) ?? '')
    .join('\n\n')
}

/** Opened content that is to be an object; what was erased is an empty one. */
export function toRecord(value: unknown): JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
