import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, type ContentSeal } from '../../accounts/end-users/index.ts'
import type { RunProgress } from './journal/journal-store.ts'
import type { JournalRow } from './journal/replay-entry.ts'
import type { JsonRecord, Run, RunContent, RunError, RunSummary, StoredRun, StoredRunSummary } from './run.ts'

/** The run with its content decrypted, for callers who may read it. */
export async function unsealRun(platform: Pick<Platform, 'db' | 'use'>, stored: StoredRun): Promise<Run> {
  const { applicationId, endUserId } = stored
  return unsealRunWith(
    (await platform.use(contentSeals).ofAll(platform.db, applicationId, [endUserId]))(endUserId),
    stored,
  )
}

/** Runs of one application as lists show them: only their errors are decrypted. */
export async function unsealSummaries(
  platform: Pick<Platform, 'db' | 'use'>,
  stored: readonly StoredRunSummary[],
): Promise<RunSummary[]> {
  const [first] = stored
  if (first === undefined) return []
  const sealOf = await platform
    .use(contentSeals)
    .ofAll(platform.db, first.applicationId, new Set(stored.map(({ endUserId }) => endUserId)))
  return stored.map((run) => {
    const seal = sealOf(run.endUserId)
    return { ...run, seal, error: run.error === null ? null : unsealRunError(seal, run.error) }
  })
}

/** The contents that a list shows of a run, decrypted. */
export function unsealContents(
  seal: ContentSeal,
  { input, config, metadata, output, report }: Partial<Pick<StoredRun, RunContent>>,
): Partial<Pick<Run, RunContent>> {
  return {
    ...(input === undefined ? {} : { input: toRecord(seal.unseal(input)) }),
    ...(config === undefined ? {} : { config: toRecord(seal.unseal(config)) }),
    ...(metadata === undefined ? {} : { metadata: toRecord(seal.unseal(metadata)) }),
    ...(output === undefined ? {} : { output: seal.unseal(output) }),
    ...(report === undefined ? {} : { report: report === null ? null : unsealReport(seal, report) }),
  }
}

/** The run with its content decrypted by its seal. */
export function unsealRunWith(seal: ContentSeal, stored: StoredRun): Run {
  if (stored.endUserId === null) return { ...stored, seal }
  return {
    ...stored,
    input: toRecord(seal.unseal(stored.input)),
    config: toRecord(seal.unseal(stored.config)),
    metadata: toRecord(seal.unseal(stored.metadata)),
    output: seal.unseal(stored.output),
    report: stored.report === null ? null : unsealReport(seal, stored.report),
    error: stored.error === null ? null : unsealRunError(seal, stored.error),
    seal,
  }
}

/** Seals the input, configuration and metadata of a run. */
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

/** Seals the texts of an error, which can quote content; its code never does. */
export function sealRunError(seal: ContentSeal, { code, message, reasons }: RunError): RunError {
  const sealed = reasons?.map((reason) => ({
    pointer: seal.sealText(reason.pointer),
    message: seal.sealText(reason.message),
  }))
  return { code, message: seal.sealText(message), ...(sealed === undefined ? {} : { reasons: sealed }) }
}

const erasedText = 'Erased.'

/** Decrypts an error that `sealRunError` sealed. */
export function unsealRunError(seal: ContentSeal, { code, message, reasons }: RunError): RunError {
  const unseal = (text: string) => seal.unsealText(text) ?? erasedText
  const unsealed = reasons?.map(({ pointer, message: text }) => ({ pointer: unseal(pointer), message: unseal(text) }))
  return { code, message: unseal(message), ...(unsealed === undefined ? {} : { reasons: unsealed }) }
}

/** Seals the content of progress. */
export function sealProgress(seal: ContentSeal, progress: RunProgress): RunProgress {
  return {
    ...progress,
    ...(progress.output === undefined ? {} : { output: seal.seal(progress.output) }),
    ...(progress.report === undefined ? {} : { report: seal.sealText(progress.report) }),
  }
}

/** Decrypts an entry of the log or the journal. */
export function unsealEntry<T extends Pick<JournalRow, 'message' | 'data'>>(seal: ContentSeal, entry: T): T {
  return {
    ...entry,
    message: entry.message === null ? null : seal.unsealText(entry.message),
    data: seal.unseal(entry.data),
  }
}

/** Decrypts the entries that a resume reads. */
export function unsealJournal(seal: ContentSeal, journal: readonly JournalRow[]): JournalRow[] {
  return journal.map((entry) => ({ ...unsealEntry(seal, entry), journal: seal.unseal(entry.journal) }))
}

// Each section is sealed separately, because sections are appended.
function unsealReport(seal: ContentSeal, report: string): string {
  return report
    .split('\n\n')
    .map((section) => seal.unsealText(section) ?? '')
    .join('\n\n')
}

/** Decrypted content that must be an object; erased content is an empty one. */
export function toRecord(value: unknown): JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
