import { insertAuditEntry } from '../../../platform/audit/postgres-audit.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { findFirstSeqSince, findFirstWithin, findLink, type Head } from './chain-store.ts'
import { deleteTrimmed, findTrimmable, lockChain, saveStart, trimmedAction, type TrimmableLog } from './trim-store.ts'

const batchEntriesMax = 500
const logsMax = 100
const dayMs = 86_400_000
/** Entries are numbered in commit order: one can follow entries that were written up to this much later. */
const outOfOrderMs = 3_600_000

/**
 * Removes what the organizations' audit retention no longer keeps from the front of their logs. The first transaction
 * moves the start of the chain and writes the entry that reports it; the others delete the entries before the start.
 */
export async function* trimSteps({ db, clock, log }: Pick<Platform, 'db' | 'clock' | 'log'>): AsyncGenerator<number> {
  // The days are counted from midnight (UTC), so that there is at most one removal a day.
  const day = new Date(Math.floor(clock.now().getTime() / dayMs) * dayMs)
  for (const trimmable of await findTrimmable(db, { day, limit: logsMax })) {
    const through = await moveStart(db, trimmable, new Date(day.getTime() - trimmable.retentionDays * dayMs))
    if (through !== undefined)
      log.info(
        { orgId: toWireId('org', trimmable.organizationId), through },
        'The retention removes entries of an audit log, up to this number.',
      )
    for (;;) {
      const removed = await deleteTrimmed(db, trimmable, batchEntriesMax)
      yield removed
      if (removed === 0) break
    }
  }
}

/** Returns the number of the last removed entry; undefined if there is nothing to remove. */
function moveStart(db: Db, scope: TrimmableLog, before: Date): Promise<number | undefined> {
  return db.transaction().execute(async (tx) => {
    const chain = await lockChain(tx, scope)
    if (chain === undefined) return undefined
    const through = await findLastRemoved(tx, scope, { before, lastSeq: chain.seq })
    if (through === undefined || through.seq <= chain.startSeq) return undefined
    const was = chain.startHash === null ? null : textOf({ seq: chain.startSeq, hash: chain.startHash })
    await insertAuditEntry(tx, {
      action: trimmedAction,
      actor: { kind: 'system', part: 'retention' },
      scope: { organizationId: scope.organizationId },
      resourceId: toWireId('org', scope.organizationId),
      changes: { through: { before: was, after: textOf(through) } },
    })
    await saveStart(tx, scope, through)
    return through.seq
  })
}

/** The last entry before which all are older. The end of the chain always stays: new entries are linked to it. */
async function findLastRemoved(
  tx: Tx,
  scope: TrimmableLog,
  { before, lastSeq }: { readonly before: Date; readonly lastSeq: number },
): Promise<Head | undefined> {
  const nearby = await findFirstSeqSince(tx, scope, new Date(before.getTime() - outOfOrderMs))
  const firstKept = await findFirstWithin(tx, scope, { since: before, fromSeq: nearby })
  const link = await findLink(tx, scope, Math.min(firstKept, lastSeq) - 1)
  return link === undefined || link.hash === null ? undefined : { seq: link.seq, hash: link.hash }
}

const textOf = ({ seq, hash }: Head): string => `${seq}:${hash.toString('hex')}`
