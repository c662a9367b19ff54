import { job } from '../../../platform/jobs/job.ts'
import { holdChains, findUnchained, lockChaining, saveLinks, type Head, type NewLink } from './chain-store.ts'
import type { StoredAuditEntry } from './entry-row-store.ts'
import { hashEntry, hashOfNothing, toHashedEntry } from './hashed-entry.ts'

const batchEntriesMax = 500

/** Adds newly committed entries to the hash chains of their organizations; runs in one process at a time. */
export const chainEntries = job({
  name: 'chain-entries',
  everyMs: 500,
  wakes: [],
  run: ({ db }) =>
    db.transaction().execute(async (tx) => {
      if (!(await lockChaining(tx))) return false
      const entries = await findUnchained(tx, batchEntriesMax)
      if (entries.length === 0) return false
      const chains = await holdChains(tx, [...new Set(entries.map(({ organizationId }) => organizationId))].sort())
      const { links, heads } = linkEntries(entries, chains)
      if (links.length > 0) await saveLinks(tx, links, heads)
      return entries.length === batchEntriesMax
    }),
})

/**
 * Continues each organization's chain with its entries, in order. Skips entries of deleted organizations, which are
 * deleted with them.
 */
function linkEntries(
  entries: readonly StoredAuditEntry[],
  chains: ReadonlyMap<string, Head | undefined>,
): { links: NewLink[]; heads: NewLink[] } {
  const links: NewLink[] = []
  const heads = new Map<string, NewLink>()
  for (const entry of entries) {
    const { organizationId } = entry
    if (!chains.has(organizationId)) continue
    const before = heads.get(organizationId) ?? chains.get(organizationId) ?? { seq: 0, hash: hashOfNothing }
    const seq = before.seq + 1
    const link = { entryId: entry.id, organizationId, seq, hash: hashEntry(before.hash, toHashedEntry(entry, seq)) }
    links.push(link)
    heads.set(organizationId, link)
  }
  return { links, heads: [...heads.values()] }
}
