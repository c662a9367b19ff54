import type { Db } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import {
  ChainCheck,
  findArchiveProblem,
  findHeadProblem,
  findStartProblem,
  problemsMax,
  type ChainProblem,
} from './chain-check.ts'
import { findLink, lastId, loadLinks, type Ends, type Head } from './chain-store.ts'
import { isRemovalReported } from './trim-store.ts'

/** Entries in memory at a time. */
const batchEntries = 200

export interface VerifyOptions {
  readonly ends: Ends
  /** A head of the chain that was archived outside the server. */
  readonly archived: Head | undefined
  readonly from: number
  readonly entriesMax: number
}

export interface Verified {
  readonly entries: number
  readonly problems: readonly ChainProblem[]
  /** Where to continue; null at the end. */
  readonly next: number | null
}

/** Checks a part of an organization's chain in batches, without a transaction. Skips entries chained meanwhile. */
export async function verifyChain(
  db: Db,
  scope: OrgScope,
  { ends, archived, from, entriesMax }: VerifyOptions,
): Promise<Verified> {
  const to = ends.last?.seq ?? 0
  const first = Math.max(from, ends.start.seq + 1)
  const check = await startCheck(db, scope, { first, start: ends.start })
  let after = { seq: first - 1, id: lastId }
  let atEnd = first > to
  while (!atEnd && check.count < entriesMax) {
    const links = await loadLinks(db, scope, { after, to, limit: Math.min(batchEntries, entriesMax - check.count) })
    for (const link of links) check.add(link)
    const last = links.at(-1)
    atEnd = last === undefined || last.seq >= to
    if (last !== undefined) after = { seq: last.seq, id: last.entry.id }
  }
  const problems = [
    ...check.problems,
    findHeadProblem(ends.head, ends.last),
    findStartProblem(ends.start, await isRemovalReported(db, scope, ends.start)),
    archived === undefined
      ? undefined
      : findArchiveProblem(archived, await findArchived(db, scope, { archived, start: ends.start })),
  ].filter((problem) => problem !== undefined)
  return { entries: check.count, problems: problems.slice(-problemsMax), next: atEnd ? null : after.seq + 1 }
}

async function startCheck(
  db: Db,
  scope: OrgScope,
  { first, start }: { readonly first: number; readonly start: Head },
): Promise<ChainCheck> {
  if (first === start.seq + 1) return new ChainCheck(start)
  const before = await findLink(db, scope, first - 1)
  return new ChainCheck({ seq: first - 1, hash: before?.hash ?? undefined })
}

// The hash of the last removed entry is kept, so an archived head can still be that entry.
const findArchived = async (db: Db, scope: OrgScope, { archived, start }: { archived: Head; start: Head }) =>
  archived.seq === start.seq ? start : findLink(db, scope, archived.seq)
