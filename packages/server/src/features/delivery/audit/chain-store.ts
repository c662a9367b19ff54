import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { holdOrganizations } from '../../accounts/organizations/index.ts'
import { hashOfNothing } from './hashed-entry.ts'
import { entryColumns, toStoredAuditEntry, type EntryRow, type StoredAuditEntry } from './entry-row-store.ts'

/** An entry with its place in the chain, and in the order of commits. */
export interface Link {
  readonly entry: StoredAuditEntry
  readonly seq: number
  readonly hash: Buffer | null
  readonly transaction: number
  readonly position: number
}

/** The end of a chain. */
export interface Head {
  readonly seq: number
  readonly hash: Buffer
}

/** The end of a chain, its last entry, and the last entry that the retention has removed from its front. */
export interface Ends {
  readonly head: Head | undefined
  readonly last: { readonly seq: number; readonly hash: Buffer | null } | undefined
  /** `seq` is 0 if nothing was removed. */
  readonly start: Head
}

/** What is written to link an entry. */
export interface NewLink extends Head {
  readonly entryId: string
  readonly organizationId: string
}

const chainingLockKey = sql`hashtext('audit chain')`

/** Waits for the lock for chaining, and holds it until the transaction ends; a value that is not null. */
export const chainingLock = sql`pg_advisory_xact_lock(${chainingLockKey})::text`

/** Takes the lock for chaining until the transaction ends; false if another process holds it. */
export async function lockChaining(tx: Tx): Promise<boolean> {
  const { rows } = await sql<{
    held: boolean
  }>`select pg_try_advisory_xact_lock(${chainingLockKey}) as held`.execute(tx)
  return rows[0]?.held ?? false
}

/** The oldest unchained entries, in commit order. */
export async function findUnchained(tx: Tx, limit: number): Promise<StoredAuditEntry[]> {
  // Every transaction below the snapshot's xmin has ended, so no earlier entry can still be committed.
  const found = await findUnchainedWhere(tx, {
    readable: sql`transaction < pg_snapshot_xmin(pg_current_snapshot())`,
    limit,
  })
  // Transaction ids above the snapshot come from another cluster, from which the database was restored.
  // Those entries were committed long ago.
  return found.length > 0
    ? found
    : findUnchainedWhere(tx, { readable: sql`transaction >= pg_snapshot_xmax(pg_current_snapshot())`, limit })
}

async function findUnchainedWhere(
  tx: Tx,
  { readable, limit }: { readable: ReturnType<typeof sql>; limit: number },
): Promise<StoredAuditEntry[]> {
  const { rows } = await sql<EntryRow>`
    select ${entryColumns} from audit_log
    where seq is null and organization_id is not null and ${readable}
    order by transaction, position limit ${limit}`.execute(tx)
  return rows.map(toStoredAuditEntry)
}

/**
 * Locks organizations against deletion until the transaction ends. Returns those that exist, with the heads of their
 * chains.
 */
export async function holdChains(tx: Tx, organizationIds: readonly string[]): Promise<Map<string, Head | undefined>> {
  const existing = await holdOrganizations(tx, organizationIds)
  // If the head is missing or behind the log, use the log's last entry: one deleted head must not stop all chaining.
  const { rows } = await sql<{ id: string; seq: number | null; hash: Buffer | null }>`
    select o.id, head.seq, head.hash from unnest(${existing}::uuid[]) as o(id) left join lateral (
      (select seq, hash, 1 as rank from audit_chains where organization_id = o.id)
      union all (
        select seq, hash, 2 from audit_log where organization_id = o.id and seq is not null
        order by audit_log.seq desc limit 1)
      order by seq desc, rank limit 1
    ) head on true`.execute(tx)
  return new Map(rows.map(({ id, seq, hash }) => [id, seq === null || hash === null ? undefined : { seq, hash }]))
}

/** Links entries, and moves the heads of their chains to `heads`. */
export async function saveLinks(tx: Tx, links: readonly NewLink[], heads: readonly NewLink[]): Promise<void> {
  const { numAffectedRows } = await sql`
    update audit_log set seq = link.seq, hash = link.hash
    from unnest(${links.map((link) => link.entryId)}::uuid[], ${links.map((link) => link.seq)}::bigint[],
      ${links.map((link) => link.hash)}::bytea[]) as link (id, seq, hash)
    where audit_log.id = link.id and audit_log.seq is null`.execute(tx)
  if (numAffectedRows !== BigInt(links.length))
    throw new Error('An entry of the audit log disappeared while it was being chained.')
  await sql`
    insert into audit_chains (organization_id, seq, hash)
    select * from unnest(${heads.map((head) => head.organizationId)}::uuid[],
      ${heads.map((head) => head.seq)}::bigint[], ${heads.map((head) => head.hash)}::bytea[])
    on conflict (organization_id) do update set seq = excluded.seq, hash = excluded.hash, updated_at = now()`.execute(
    tx,
  )
}

/** The recorded ends of a chain and the last entry of the log, all from one snapshot. */
export async function findEnds(db: Db, { organizationId }: OrgScope): Promise<Ends> {
  const { rows } = await sql<EndsRow>`
    select head.seq as "headSeq", head.hash as "headHash", last.seq as "lastSeq", last.hash as "lastHash",
      head.start_seq as "startSeq", head.start_hash as "startHash"
    from (select seq, hash, start_seq, start_hash from audit_chains where organization_id = ${organizationId}) head
    full join (
      select seq, hash from audit_log where organization_id = ${organizationId} and seq is not null
      order by seq desc limit 1
    ) last on true`.execute(db)
  const [row] = rows
  return row === undefined
    ? { head: undefined, last: undefined, start: { seq: 0, hash: hashOfNothing } }
    : { head: toHead(row.headSeq, row.headHash), last: toLast(row), start: toStart(row) }
}

interface EndsRow {
  readonly headSeq: number | null
  readonly headHash: Buffer | null
  readonly lastSeq: number | null
  readonly lastHash: Buffer | null
  readonly startSeq: number | null
  readonly startHash: Buffer | null
}

const toHead = (seq: number | null, hash: Buffer | null): Head | undefined =>
  seq === null || hash === null ? undefined : { seq, hash }

const toLast = ({ lastSeq, lastHash }: EndsRow) => (lastSeq === null ? undefined : { seq: lastSeq, hash: lastHash })

const toStart = ({ startSeq, startHash }: EndsRow): Head => ({ seq: startSeq ?? 0, hash: startHash ?? hashOfNothing })

/** The entry with a number, or undefined. */
export async function findLink(db: Db, scope: OrgScope, seq: number): Promise<Link | undefined> {
  return (await loadLinks(db, scope, { after: { seq: seq - 1, id: lastId }, to: seq, limit: 1 }))[0]
}

export interface LinksQuery {
  readonly after: { readonly seq: number; readonly id: string }
  /** The last number to read. */
  readonly to: number
  readonly limit: number
}

/** Sorts after every other id, so that each entry after `{seq, id: lastId}` has a higher number. */
export const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** The entries after a position, in chain order. */
export async function loadLinks(
  db: Db,
  { organizationId }: OrgScope,
  { after, to, limit }: LinksQuery,
): Promise<Link[]> {
  const { rows } = await sql<EntryRow & { seq: number; hash: Buffer | null; xid: string; position: number }>`
    select ${entryColumns}, seq, hash, transaction::text as xid, position from audit_log
    where organization_id = ${organizationId} and seq >= ${after.seq} and seq <= ${to}
      and (seq, id) > (${after.seq}::bigint, ${after.id}::uuid)
    order by seq, id limit ${limit}`.execute(db)
  return rows.map(({ seq, hash, xid, position, ...row }) => ({
    entry: toStoredAuditEntry(row),
    seq,
    hash,
    transaction: Number(xid),
    position,
  }))
}

/** Counts the organization's unchained entries among the server's oldest `max` unchained ones. */
export async function countUnchained(db: Db, { organizationId }: OrgScope, max: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) from (
      select organization_id from audit_log where seq is null and organization_id is not null
      order by transaction, position limit ${max}
    ) waiting where organization_id = ${organizationId}`.execute(db)
  return rows[0]?.count ?? 0
}

/**
 * The number of the first entry written at `time` or later, assuming that entries are ordered by time.
 * If there is none, one above the last number.
 */
export async function findFirstSeqSince(db: Db, { organizationId }: OrgScope, time: Date): Promise<number> {
  // A binary search of at most 63 steps, each with one lookup in the chain's index.
  const { rows } = await sql<{ low: number }>`
    with recursive search (low, high) as (
      select 1::bigint, coalesce(
        (select max(seq) from audit_log where organization_id = ${organizationId} and seq is not null), 0) + 1
      union all
      select case when probe.is_earlier then (low + high) / 2 + 1 else low end,
        case when probe.is_earlier then high else (low + high) / 2 end
      from search, lateral (select coalesce(
        (select created_at < ${time} from audit_log
          where organization_id = ${organizationId} and seq >= (low + high) / 2 order by seq limit 1),
        false) as is_earlier) probe
      where low < high
    )
    select low from search where low = high limit 1`.execute(db)
  return rows[0]?.low ?? 1
}

/**
 * The first number from `fromSeq` on whose entry was written at `since` or later.
 * If there is none, a number above all entries.
 */
export async function findFirstWithin(
  db: Db,
  { organizationId }: OrgScope,
  { since, fromSeq }: { since: Date; fromSeq: number },
): Promise<number> {
  const { rows } = await sql<{ seq: number }>`
    select seq from audit_log
    where organization_id = ${organizationId} and seq >= ${fromSeq} and created_at >= ${since}
    order by seq limit 1`.execute(db)
  return rows[0]?.seq ?? Number.MAX_SAFE_INTEGER
}

/** The last number up to `toSeq` whose entry was written before `until`; 0 when there is none. */
export async function findLastWithin(
  db: Db,
  { organizationId }: OrgScope,
  { until, toSeq }: { until: Date; toSeq: number },
): Promise<number> {
  const { rows } = await sql<{ seq: number }>`
    select seq from audit_log
    where organization_id = ${organizationId} and seq <= ${toSeq} and created_at < ${until}
    order by seq desc limit 1`.execute(db)
  return rows[0]?.seq ?? 0
}

/** Removes the head of the chain of a deleted organization. */
export const removeChains = removalFrom('audit_chains', 'organization_id')
