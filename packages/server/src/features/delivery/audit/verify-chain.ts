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
import { findLink, lastId, loadLinks, type Ends, type Head, type Link } from './chain-store.ts'
import { isRemovalReported } from './trim-store.ts'

/** Entries in memory at a time, and hashed without a pause. */
const batchEntries = 200
/** No further batch is begun after this time, so that a request is short on a slow machine too. */
const requestMs = 1_000

export interface VerifyOptions {
  readonly ends: Ends
  /** A head of the chain that was archived outside the server. */
  readonly archived: Head | undefined
  /** The number of the first entry to check, or the last entry that an earlier request has checked. */
  readonly from: number | Head
  readonly entriesMax: number
}

export interface Verified {
  readonly entries: number
  readonly problems: readonly ChainProblem[]
  /** The last entry that was checked; null at the end of the chain. */
  readonly continueAfter: { readonly seq: number; readonly hash: Buffer | null } | null
}

/** Checks a part of an organization's chain in batches, without a transaction. Skips entries chained meanwhile. */
export async function verifyChain(db: Db, scope: OrgScope, options: VerifyOptions): Promise<Verified> {
  const { ends, archived, from } = options
  const { check, last } = await checkPart(db, scope, options)
  const atEnd = (last?.seq ?? Infinity) >= (ends.last?.seq ?? 0)
  const known = [archived, typeof from === 'number' ? undefined : from].filter((head) => head !== undefined)
  const problems = [
    ...check.problems,
    findHeadProblem(ends.head, ends.last),
    findStartProblem(ends.start, await isRemovalReported(db, scope, ends.start)),
  ].filter((problem) => problem !== undefined)
  for (const head of known) {
    // What the retention has removed meanwhile cannot be compared any more.
    if (head.seq < ends.start.seq) continue
    const problem = findArchiveProblem(head, await findArchived(db, scope, { archived: head, start: ends.start }))
    if (problem !== undefined) problems.push(problem)
  }
  return { entries: check.count, problems: problems.slice(-problemsMax), continueAfter: atEnd ? null : (last ?? null) }
}

type Checked = Pick<Link, 'seq' | 'hash'>

async function checkPart(
  db: Db,
  scope: OrgScope,
  { ends, from, entriesMax }: VerifyOptions,
): Promise<{ check: ChainCheck; last: Checked | undefined }> {
  const startedMs = performance.now()
  const to = ends.last?.seq ?? 0
  const first = Math.max(typeof from === 'number' ? from : from.seq + 1, ends.start.seq + 1)
  const check = await startCheck(db, scope, { first, from, start: ends.start })
  let last: Link | undefined
  while (first <= to && check.count < entriesMax) {
    const after = last === undefined ? { seq: first - 1, id: lastId } : { seq: last.seq, id: last.entry.id }
    const links = await loadLinks(db, scope, { after, to, limit: Math.min(batchEntries, entriesMax - check.count) })
    for (const link of links) check.add(link)
    last = links.at(-1)
    if (last === undefined || last.seq >= to || performance.now() - startedMs > requestMs) break
  }
  return { check, last }
}

async function startCheck(
  db: Db,
  scope: OrgScope,
  { first, from, start }: { readonly first: number; readonly from: number | Head; readonly start: Head },
): Promise<ChainCheck> {
  if (first === start.seq + 1) return new ChainCheck(start)
  if (typeof from !== 'number') return new ChainCheck(from)
  const before = await findLink(db, scope, first - 1)
  return new ChainCheck({ seq: first - 1, hash: before?.hash ?? undefined })
}

// The hash of the last removed entry is kept, so an archived head can still be that entry.
const findArchived = async (db: Db, scope: OrgScope, { archived, start }: { archived: Head; start: Head }) =>
  archived.seq === start.seq ? start : findLink(db, scope, archived.seq)
