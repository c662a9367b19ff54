import { Type, type Static } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { Nullable, OneOf, wire } from '../../../platform/http/wire.ts'
import { countUnchained, findEnds, type Head } from './chain-store.ts'
import { hashOfNothing } from './hashed-entry.ts'
import { verifyChain } from './verify-chain.ts'

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 in hexadecimal digits.' })
const Seq = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

const VerificationWire = wire('AuditLogVerification', {
  valid: Type.Boolean({ description: 'True when the checked entries have no problem.' }),
  entries: Type.Integer({ description: 'Number of entries that were checked.' }),
  head: Nullable(wire('AuditLogHead', { seq: Type.Integer(), hash: Hash })),
  removedThrough: Type.Integer({
    description: 'The number of the last entry that the retention has removed; 0 if it has removed none.',
  }),
  unchained: Type.Integer({
    description: 'Number of entries that are not chained yet, counted among the 10,000 oldest of the server.',
  }),
  problems: Type.Array(
    Type.Object({ seq: Type.Integer(), kind: OneOf(['changed', 'gap', 'reordered', 'head']), detail: Type.String() }),
    { description: 'The problems that were found, at most a hundred.' },
  ),
  complete: Type.Boolean({ description: 'True when the end of the log was reached.' }),
  next: Nullable(Type.Integer({ description: 'The number of the next entry to check; null at the end.' })),
  nextAfter: Nullable(
    Type.String({ description: 'The `after` of the next request: the last checked entry. Null at the end.' }),
  ),
})

const entriesDefault = 10_000
const entriesMax = 50_000
const unchainedMax = 10_000

export const verifyAuditLog = endpoint({
  route: 'GET /api/audit-log/verify',
  summary: 'Verify the audit log',
  description:
    "Checks the hash chain of the organization's entries: each hash covers its entry and the previous hash. " +
    'A log that was rewritten as a whole, or whose end was removed together with its recorded head, is still ' +
    'consistent. To detect that too, send the `seq` and `hash` of a `head` that you archived elsewhere. ' +
    'A request checks 10,000 entries, or `limit`, but begins nothing more after a second. ' +
    'While `complete` is false, send `nextAfter` as `after`: the check goes on from the hash that was checked last, ' +
    'so all parts together prove the same as one check of the whole log.',
  caller: 'organization',
  permission: 'audit-log:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: {
    seq: Type.Optional({ ...Seq, description: 'The number of an archived head; requires `hash`.' }),
    hash: Type.Optional({ ...Hash, description: 'The hash of an archived head; requires `seq`.' }),
    after: Type.Optional(
      Type.String({ pattern: '^[1-9][0-9]{0,15}:[0-9a-f]{64}$', description: '`nextAfter` of the previous reply.' }),
    ),
    from: Type.Optional({
      ...Seq,
      description: 'The number of the entry to start with, if `after` is absent. Default: 1.',
    }),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: entriesMax, description: 'Most entries to check in this request.' }),
    ),
  },
  returns: { 200: VerificationWire },
  fails: [],
  async handle({ query, scope, db }) {
    const archived = parseArchived(query)
    const ends = await findEnds(db, scope)
    if (archived !== undefined && archived.seq < ends.start.seq)
      refuseInvalid([
        {
          pointer: 'query/seq',
          message: `was removed by the retention: send the head of entry ${ends.start.seq} or later`,
          code: 'minimum',
        },
      ])
    const verified = await verifyChain(db, scope, {
      ends,
      archived,
      from: query.after === undefined ? (query.from ?? 1) : parseAfter(query.after),
      entriesMax: query.limit ?? entriesDefault,
    })
    const last = verified.continueAfter
    const reply: Static<typeof VerificationWire> = {
      valid: verified.problems.length === 0,
      entries: verified.entries,
      head: ends.head === undefined ? null : { seq: ends.head.seq, hash: ends.head.hash.toString('hex') },
      removedThrough: ends.start.seq,
      unchained: await countUnchained(db, scope, unchainedMax),
      problems: [...verified.problems],
      complete: last === null,
      next: last === null ? null : last.seq + 1,
      nextAfter: last === null ? null : `${last.seq}:${(last.hash ?? hashOfNothing).toString('hex')}`,
    }
    return ok(reply)
  },
})

function parseAfter(text: string): Head {
  const [seq = '', hash = ''] = text.split(':')
  return { seq: Number(seq), hash: Buffer.from(hash, 'hex') }
}

function parseArchived({ seq, hash }: { readonly seq?: number; readonly hash?: string }): Head | undefined {
  if (seq !== undefined && hash !== undefined) return { seq, hash: Buffer.from(hash, 'hex') }
  const missing = seq === undefined ? 'query/seq' : 'query/hash'
  if (seq !== undefined || hash !== undefined)
    refuseInvalid([{ pointer: missing, message: 'is required: seq and hash must be sent together', code: 'required' }])
  return undefined
}
