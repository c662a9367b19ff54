import type { Db } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { AuditFilters } from './audit-filters.ts'
import { findEnds, findLink, lastId, readLinks, type Link } from './chain-store.ts'
import { findFirstSeqSince, findFirstWithin, findLastWithin } from './window-store.ts'
import { hashOfNothing, sealEntry } from './sealed-entry.ts'

const batchEntries = 200
/**
 * Entries are numbered in commit order: one can follow entries that were written up to this much later, including
 * the clock skew between nodes.
 */
const outOfOrderMs = 3_600_000

type Window = Pick<AuditFilters, 'since' | 'until'>

/**
 * The lines of an export, oldest first. Each batch is a separate query, so nothing stays open while the client reads.
 * They are an unbroken part of the chain, from the first to the last entry within the window.
 */
export async function* exportLines(db: Db, scope: OrgScope, window: Window): AsyncGenerator<string> {
  const { from, to } = await findRange(db, scope, window)
  let after = { seq: from - 1, id: lastId }
  let previousHash = from === 1 ? hashOfNothing : ((await findLink(db, scope, from - 1))?.hash ?? null)
  for (;;) {
    const links = await readLinks(db, scope, { after, to, limit: batchEntries })
    const last = links.at(-1)
    if (last === undefined) return
    const lines = links.map((link) => {
      const line = toLine(link, previousHash)
      previousHash = link.hash
      return line
    })
    yield lines.join('')
    after = { seq: last.seq, id: last.entry.id }
  }
}

function toLine({ entry, seq, hash }: Link, previousHash: Buffer | null): string {
  const hashes = { previousHash: previousHash?.toString('hex') ?? null, hash: hash?.toString('hex') ?? null }
  return `${JSON.stringify({ ...sealEntry(entry, seq), ...hashes })}\n`
}

async function findRange(db: Db, scope: OrgScope, { since, until }: Window): Promise<{ from: number; to: number }> {
  const [earliest, latest] = [laterBy(since, -outOfOrderMs), laterBy(until, outOfOrderMs)]
  const { last } = await findEnds(db, scope)
  return {
    from:
      since === undefined || earliest === undefined
        ? 1
        : await findFirstWithin(db, scope, { since, fromSeq: await findFirstSeqSince(db, scope, earliest) }),
    to:
      until === undefined || latest === undefined
        ? (last?.seq ?? 0)
        : await findLastWithin(db, scope, { until, toSeq: await findFirstSeqSince(db, scope, latest) }),
  }
}

function laterBy(time: Date | undefined, ms: number): Date | undefined {
  return time === undefined ? undefined : new Date(Math.max(time.getTime() + ms, 0))
}
