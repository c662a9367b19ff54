import type { Db } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { AuditFilters } from './audit-filters.ts'
import { findEnds, findLink, lastId, readLinks, type Link } from './chain-store.ts'
import { findFirstSeqSince, findFirstWithin, findLastWithin } from './window-store.ts'
import { hashOfNothing, sealEntry } from './sealed-entry.ts'

const batchEntries = 200
/** Entries are numbered as they commit: one can stand behind others that were written this much later, the clocks of nodes apart included. */
const outOfOrderMs = 3_600_000

type Window = Pick<AuditFilters, 'since' | 'until'>

/**
 * The lines of an export, oldest first, as fast as they are taken: each batch is a read of its own, and nothing is held open in between.
 * An unbroken piece of the chain, from the first to the last entry within the window.
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
  return `${JSON.stringify({ ...sealEntry(entry, seq), previousHash: previousHash?.toString('hex') ?? null, hash: hash?.toString('hex') ?? null })}\n`
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
