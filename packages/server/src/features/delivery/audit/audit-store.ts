import { sql, type RawBuilder } from 'kysely'
import { nilUuid } from '../../../platform/ids/id.ts'
import { firstEntryIdAt } from '../../../platform/audit/entry-time.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import type { AuditFilters } from './audit-filters.ts'
import { entryColumns, toStoredAuditEntry, type EntryRow, type StoredAuditEntry } from './entry-row-store.ts'

/** Most entries that a request scans for its page and counts for `total`. This bounds the cost of every request. */
export const scannedEntriesMax = 10_000

export interface ListedEntry {
  readonly entry: StoredAuditEntry
  /** Null until the entry is chained. */
  readonly seq: number | null
  readonly hash: Buffer | null
}

export interface AuditQuery {
  readonly filters: AuditFilters
  readonly page: Page
  /** The page starts after this entry (a stored UUID). */
  readonly after?: string | undefined
}

/**
 * The organization's matching entries, newest first. A page is shorter than its size if the scan reaches its limit:
 * then `nextCursor` continues after the last scanned entry.
 */
export async function loadEntries(db: Db, scope: OrgScope, query: AuditQuery): Promise<Slice<ListedEntry>> {
  const { rows } = await entriesQuery(scope, query).execute(db)
  const items = rows
    .slice(0, query.page.pageSize)
    .map(({ seq, hash, ...row }) => ({ entry: toStoredAuditEntry(row), seq, hash }))
  const total = await totalQuery(scope, query.filters).execute(db)
  const isFull = rows.length > query.page.pageSize
  const nextCursor = isFull
    ? (items.at(-1)?.entry.id ?? null)
    : ((await endQuery(scope, query).execute(db)).rows[0]?.id ?? null)
  return { items, total: total.rows[0]?.total ?? 0, nextCursor }
}

/** Selects the page, and one more entry if there is one. */
export function entriesQuery(
  scope: OrgScope,
  { filters, page, after }: AuditQuery,
): RawBuilder<EntryRow & { seq: number | null; hash: Buffer | null }> {
  const { driver, rest } = conditionsOf(filters)
  return sql`
    select ${entryColumns}, seq, hash from (${scanned(scope, { driver, filters, after })}) scanned
    where ${rest} order by ${orderOf(driver)}
    limit ${page.pageSize + 1} offset ${after === undefined ? offsetOf(page) : 0}`
}

export function totalQuery(scope: OrgScope, filters: AuditFilters): RawBuilder<{ total: number }> {
  const { driver, rest } = conditionsOf(filters)
  const scan = scanned(scope, { driver, filters, after: undefined })
  return sql`select count(*) as total from (${scan}) scanned where ${rest}`
}

// Selects the last scanned entry if the scan reached its limit.
function endQuery(scope: OrgScope, { filters, after }: AuditQuery): RawBuilder<{ id: string }> {
  const { driver } = conditionsOf(filters)
  return sql`
    select id from (${scanned(scope, { driver, filters, after })}) scanned
    order by ${orderOf(driver)} limit 1 offset ${scannedEntriesMax - 1}`
}

/** An indexed column and the value to look up in it. */
interface Condition {
  readonly column: RawBuilder<unknown>
  readonly value: string
}

interface Scan {
  readonly driver: Condition | undefined
  readonly filters: AuditFilters
  readonly after: string | undefined
}

// Ordering by the driver's column keeps PostgreSQL from choosing another index.
// With another index, the search for a rare value could scan the whole log.
function scanned(
  { organizationId }: OrgScope,
  { driver, filters: { since, until }, after }: Scan,
): RawBuilder<unknown> {
  const from = since === undefined ? nilUuid : firstEntryIdAt(since)
  const before = [after ?? highestId, until === undefined ? highestId : firstEntryIdAt(until)].sort()[0]
  if (driver === undefined) {
    return sql`
      select * from audit_log where organization_id = ${organizationId} and id >= ${from}::uuid and id < ${before}::uuid
      order by id desc limit ${scannedEntriesMax}`
  }
  const { column, value } = driver
  return sql`
    select *, ${column} as driver from audit_log
    where organization_id = ${organizationId} and ${column} is not null
      and (${column}, id) >= (${value}, ${from}::uuid) and (${column}, id) < (${value}, ${before}::uuid)
    order by ${column} desc, id desc limit ${scannedEntriesMax}`
}

function orderOf(driver: Condition | undefined): RawBuilder<unknown> {
  return driver === undefined ? sql`id desc` : sql`driver desc, id desc`
}

const highestId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Splits the filters into the driver (its index is scanned; usually the most selective filter) and the rest. */
function conditionsOf({ resourceId, endUserId, actorId, action, noun, applicationId }: AuditFilters): {
  driver: Condition | undefined
  rest: RawBuilder<unknown>
} {
  const conditions = [
    { column: sql`resource_id`, value: resourceId },
    { column: sql`acting_for`, value: endUserId },
    { column: sql`actor_id`, value: actorId },
    { column: sql`action`, value: action },
    { column: sql`noun`, value: noun },
    { column: sql`application_id`, value: applicationId },
  ].flatMap(({ column, value }) => (value === undefined ? [] : [{ column, value }]))
  const [driver, ...rest] = conditions
  return {
    driver,
    rest:
      rest.length === 0
        ? sql`true`
        : sql.join(
            rest.map(({ column, value }) => sql`${column} = ${value}`),
            sql` and `,
          ),
  }
}
