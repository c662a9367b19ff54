import { Readable } from 'node:stream'
import { Type } from 'typebox'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Db } from '../../../platform/db/database.ts'
import { endpoint } from '../../../platform/http/endpoint.ts'
import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { parseWindow, windowQuery, type AuditFilters } from './audit-filters.ts'
import {
  findEnds,
  findFirstSeqSince,
  findFirstWithin,
  findLastWithin,
  findLink,
  lastId,
  loadLinks,
  type Head,
  type Link,
} from './chain-store.ts'
import { toHashedEntry } from './hashed-entry.ts'

/** Characters buffered for the client; above this, nothing more is read from the database. */
const waitingCharactersMax = 65_536
const batchEntries = 200
/**
 * Entries are numbered in commit order: one can follow entries that were written up to this much later, including
 * the clock skew between nodes.
 */
const outOfOrderMs = 3_600_000

type ExportWindow = Pick<AuditFilters, 'since' | 'until'>

export const exportAuditLog = endpoint({
  route: 'GET /api/audit-log/export',
  summary: 'Export the audit log',
  description:
    'Returns JSON Lines, oldest entry first. A line holds everything that its `hash` covers: the hash is the SHA-256 ' +
    'of the bytes of `previousHash` followed by the RFC 8785 JSON of the line ' +
    'without `previousHash` and `hash`. `scripts/verify-audit-log.mjs` checks an export without this server. ' +
    'Entries that are not chained yet appear in a later export.',
  caller: 'organization',
  permission: 'audit-log:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: windowQuery,
  returns: { 200: Type.String() },
  streams: 'application/x-ndjson',
  fails: [],
  async handle({ query, scope, db, platform }) {
    const mistakes: InvalidPart[] = []
    const window = parseWindow(query, mistakes)
    refuseInvalid(mistakes)
    // A stopping server breaks the connection, so that the client gets an error and not a shorter file.
    const stream = Readable.from(exportLines(db, scope, window), {
      objectMode: false,
      highWaterMark: waitingCharactersMax,
      signal: platform.stopping,
    })
    const headers = {
      'Content-Type': 'application/x-ndjson',
      'Content-Disposition': 'attachment; filename="audit-log.jsonl"',
    }
    return { status: 200, stream, headers }
  },
})

/**
 * The lines of an export, oldest first. Each batch is a separate query, so nothing stays open while the client reads.
 * They are an unbroken part of the chain, from the first to the last entry within the window.
 */
async function* exportLines(db: Db, scope: OrgScope, window: ExportWindow): AsyncGenerator<string> {
  const { from, to, start } = await findRange(db, scope, window)
  let after = { seq: from - 1, id: lastId }
  let previousHash = from === start.seq + 1 ? start.hash : ((await findLink(db, scope, from - 1))?.hash ?? null)
  for (;;) {
    const links = await loadLinks(db, scope, { after, to, limit: batchEntries })
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
  return `${JSON.stringify({ ...toHashedEntry(entry, seq), ...hashes })}\n`
}

async function findRange(
  db: Db,
  scope: OrgScope,
  { since, until }: ExportWindow,
): Promise<{ from: number; to: number; start: Head }> {
  const [earliest, latest] = [laterBy(since, -outOfOrderMs), laterBy(until, outOfOrderMs)]
  const { last, start } = await findEnds(db, scope)
  const first =
    since === undefined || earliest === undefined
      ? 1
      : await findFirstWithin(db, scope, { since, fromSeq: await findFirstSeqSince(db, scope, earliest) })
  return {
    start,
    from: Math.max(first, start.seq + 1),
    to:
      until === undefined || latest === undefined
        ? (last?.seq ?? 0)
        : await findLastWithin(db, scope, { until, toSeq: await findFirstSeqSince(db, scope, latest) }),
  }
}

function laterBy(time: Date | undefined, ms: number): Date | undefined {
  return time === undefined ? undefined : new Date(Math.max(time.getTime() + ms, 0))
}
