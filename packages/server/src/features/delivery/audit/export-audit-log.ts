import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { endpoint } from '../../../platform/http/endpoint.ts'
import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { parseWindow, windowQuery } from './audit-filters.ts'
import { exportLines } from './export-lines.ts'

/** Characters buffered for the client; above this, nothing more is read from the database. */
const waitingCharactersMax = 65_536

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
