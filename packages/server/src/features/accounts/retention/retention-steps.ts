import { insertAuditEntry } from '../../../platform/audit/postgres-audit.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { ExpiredBatch, ExpiryHook } from '../../../platform/hooks/hooks.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import {
  completePass,
  findDueApplications,
  lockPass,
  saveCounts,
  type Counts,
  type DueApplication,
} from './retention-store.ts'

/** Rows that one transaction deletes. */
const batchRowsMax = 500
/** Applications that one round looks at. */
const applicationsMax = 100
const dayMs = 86_400_000

export type Applying = Pick<Platform, 'db' | 'hooks' | 'clock' | 'log' | 'blobs' | 'wake'>

/** A committed step: a batch, or the end of a pass. */
export interface RetentionStep {
  readonly applicationId: string
  /** The field of the retention whose batch it was; null at the end of the pass. */
  readonly field: string | null
  readonly rows: number
}

/**
 * Applies the retention of each application that was not applied today (UTC): one transaction per step, so it can stop
 * after each and continue later, here or on another node. A pass that another process works on is left to that process.
 */
export async function* retentionSteps(platform: Applying): AsyncGenerator<RetentionStep> {
  const now = platform.clock.now()
  const day = now.toISOString().slice(0, 10)
  for (const application of await findDueApplications(platform.db, { day, limit: applicationsMax })) {
    try {
      yield* stepsOf({ platform, application, day, now })
    } catch (error) {
      // One failing application must not stop the others. The job continues with it in its next round.
      platform.log.error(
        { err: error, appId: toWireId('app', application.applicationId) },
        "An application's retention could not be applied; it will be retried.",
      )
    }
  }
}

interface Pass {
  readonly platform: Applying
  readonly application: DueApplication
  readonly day: string
  readonly now: Date
}

async function* stepsOf(pass: Pass): AsyncGenerator<RetentionStep> {
  const { platform, application } = pass
  const { applicationId } = application
  for (const [field, days] of Object.entries(application.retention)) {
    const expire = platform.hooks.expires[field]
    if (expire === undefined) throw new Error(`No feature applies the retention ${field}.`)
    const before = new Date(pass.now.getTime() - days * dayMs)
    for (;;) {
      const batch = await inPass(pass, (tx, counts) => expireBatch(tx, pass, { expire, before, counts }))
      if (batch === undefined) return
      await batch.afterCommit?.(platform)
      if (batch.rows === 0) break
      yield { applicationId, field, rows: batch.rows }
    }
  }
  const counts = await inPass(pass, (tx, all) => complete(tx, pass, all))
  if (counts === undefined) return
  if (Object.keys(counts).length > 0)
    platform.log.info({ appId: toWireId('app', applicationId), deleted: counts }, 'The retention has deleted things.')
  yield { applicationId, field: null, rows: 0 }
}

async function expireBatch(
  tx: Tx,
  { platform, application }: Pass,
  { expire, before, counts }: { readonly expire: ExpiryHook; readonly before: Date; readonly counts: Counts },
): Promise<ExpiredBatch> {
  const { applicationId } = application
  const batch = await expire(tx, { applicationId, before, limit: batchRowsMax, hooks: platform.hooks })
  if (batch.rows > 0) await saveCounts(tx, applicationId, sumOf(counts, batch.deleted))
  return batch
}

/** Ends the pass; its report is one audit entry, unless nothing was deleted. */
async function complete(tx: Tx, { application, day }: Pass, counts: Counts): Promise<Counts> {
  const { organizationId, applicationId } = application
  if (Object.keys(counts).length > 0)
    await insertAuditEntry(tx, {
      action: 'application.retention-applied',
      actor: { kind: 'system', part: 'retention' },
      scope: { organizationId, applicationId, endUserId: null },
      resourceId: toWireId('app', applicationId),
      changes: { deleted: { before: null, after: counts } },
    })
  await completePass(tx, applicationId, day)
  return counts
}

/** Undefined if the pass is complete, or another process holds it. */
function inPass<T>(
  { platform, application, day }: Pass,
  work: (tx: Tx, counts: Counts) => Promise<T>,
): Promise<T | undefined> {
  return platform.db.transaction().execute(async (tx) => {
    const counts = await lockPass(tx, application, day)
    return counts === undefined ? undefined : work(tx, counts)
  })
}

function sumOf(counts: Counts, more: Counts): Counts {
  const names = new Set([...Object.keys(counts), ...Object.keys(more)])
  const sums = [...names].map((name) => [name, (counts[name] ?? 0) + (more[name] ?? 0)] as const)
  return Object.fromEntries(sums.filter(([, sum]) => sum > 0))
}
