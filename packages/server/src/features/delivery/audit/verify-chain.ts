import type { Db } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { ChainCheck, findArchiveProblem, findHeadProblem, problemsMax, type ChainProblem } from './chain-check.ts'
import { findLink, lastId, loadLinks, type findEnds, type Head } from './chain-store.ts'

/** Entries in memory at a time. */
const batchEntries = 200

export interface VerifyOptions {
  readonly ends: Awaited<ReturnType<typeof findEnds>>
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
  const check = await startCheck(db, scope, from)
  let after = { seq: from - 1, id: lastId }
  let atEnd = from > to
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
    archived === undefined ? undefined : findArchiveProblem(archived, await findLink(db, scope, archived.seq)),
  ].filter((problem) => problem !== undefined)
  return { entries: check.count, problems: problems.slice(-problemsMax), next: atEnd ? null : after.seq + 1 }
}

async function startCheck(db: Db, scope: OrgScope, from: number): Promise<ChainCheck> {
  if (from === 1) return new ChainCheck()
  const before = await findLink(db, scope, from - 1)
  return new ChainCheck({ seq: from - 1, hash: before?.hash ?? undefined })
}
