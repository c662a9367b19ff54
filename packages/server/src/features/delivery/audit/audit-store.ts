import { sql, type RawBuilder } from 'kysely'
import { nilUuid } from '../../../platform/ids/id.ts'
import { firstEntryIdAt } from '../../../platform/audit/entry-time.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { RemovalStatement } from '../../../platform/hooks/hooks.ts'
import { loadPage, type ListSource, type Page, type Slice, type Start } from '../../../platform/lists/load-page.ts'
import { countUpTo, plannedRows } from '../../../platform/lists/postgres-list.ts'
import type { AuditFilters } from './audit-filters.ts'
import { chainingLock } from './chain-store.ts'
import { entryColumns, toStoredAuditEntry, type EntryRow, type StoredAuditEntry } from './entry-row-store.ts'

/** Most entries that a request with several filters scans for its page and counts for `total`. */
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
}

/** True if the filters need a scan: only the first of them is looked up in an index. */
export function needsScan(filters: AuditFilters): boolean {
  return conditionsOf(filters).rest !== undefined
}

/**
 * The organization's matching entries, newest first. With several filters a page is shorter than its size if the scan
 * reaches its limit: then the list continues after the last scanned entry.
 */
export async function loadEntries(db: Db, scope: OrgScope, { filters, page }: AuditQuery): Promise<Slice<ListedEntry>> {
  const source = entries(db, scope, filters)
  const slice = await loadPage(source, page)
  if (!needsScan(filters) || slice.nextKey !== null) return slice
  const { rows } = await lastScannedQuery(scope, filters, page.after).execute(db)
  const [end] = rows
  if (end === undefined) return slice
  const total =
    slice.total === undefined ? undefined : { items: await source.count(scannedEntriesMax), isEstimate: true }
  return { ...slice, total, nextKey: end.id }
}

function entries(db: Db, scope: OrgScope, filters: AuditFilters): ListSource<ListedEntry, string> {
  return {
    async items(start, limit) {
      const { rows } = await entriesQuery(scope, filters, { start, limit }).execute(db)
      return rows.map(({ seq, hash, ...row }) => ({ entry: toStoredAuditEntry(row), seq, hash }))
    },
    keyOf: ({ entry }) => entry.id,
    count: (max) => countUpTo(db, countQuery(scope, filters, max)),
    async estimate() {
      const { driver } = conditionsOf(filters)
      const range = inRange(scope, { driver, filters })
      const { rows } = await sql`explain (format json) select from audit_log where ${range}`.execute(db)
      return plannedRows(rows)
    },
  }
}

/** Selects the entries of a page. */
export function entriesQuery(
  scope: OrgScope,
  filters: AuditFilters,
  { start, limit }: { readonly start: Start<string>; readonly limit: number },
): RawBuilder<EntryRow & { seq: number | null; hash: Buffer | null }> {
  const { driver, rest } = conditionsOf(filters)
  const offset = 'offset' in start ? start.offset : 0
  const after = 'after' in start ? start.after : undefined
  if (rest !== undefined) {
    return sql`
      select ${entryColumns}, seq, hash from (${scanned(scope, { driver, filters, after })}) scanned
      where ${rest} order by ${orderOf(driver, 'scanned')} limit ${limit} offset ${offset}`
  }
  const range = inRange(scope, { driver, filters, after })
  const from =
    offset === 0
      ? sql``
      : startingAt(
          driver,
          sql`select id from audit_log where ${range} order by ${orderOf(driver)} limit 1 offset ${offset}`,
        )
  return sql`
    select ${entryColumns}, seq, hash from audit_log where ${range} ${from}
    order by ${orderOf(driver)} limit ${limit}`
}

/** Selects nothing of each matching entry, of at most `max`. */
export function countQuery(scope: OrgScope, filters: AuditFilters, max: number): RawBuilder<unknown> {
  const { driver, rest } = conditionsOf(filters)
  if (rest !== undefined) {
    return sql`select from (${scanned(scope, { driver, filters })}) scanned where ${rest} limit ${max}`
  }
  return sql`
    select from audit_log where ${inRange(scope, { driver, filters })} order by ${orderOf(driver)} limit ${max}`
}

// Selects the last scanned entry if the scan reached its limit.
function lastScannedQuery(
  scope: OrgScope,
  filters: AuditFilters,
  after: string | undefined,
): RawBuilder<{ id: string }> {
  const { driver } = conditionsOf(filters)
  return sql`
    select id from (${scanned(scope, { driver, filters, after })}) scanned
    order by ${orderOf(driver, 'scanned')} limit 1 offset ${scannedEntriesMax - 1}`
}

/** An indexed column and the value to look up in it. */
interface Condition {
  readonly column: RawBuilder<unknown>
  readonly value: string
}

interface Range {
  readonly driver: Condition | undefined
  readonly filters: AuditFilters
  readonly after?: string | undefined
}

// Ordering by the driver's column keeps PostgreSQL from choosing another index.
// With another index, the search for a rare value could scan the whole log.
function scanned(scope: OrgScope, range: Range): RawBuilder<unknown> {
  const { driver } = range
  const column = driver === undefined ? sql`` : sql`, ${driver.column} as driver`
  return sql`
    select *${column} from audit_log where ${inRange(scope, range)}
    order by ${orderOf(driver)} limit ${scannedEntriesMax}`
}

function inRange({ organizationId }: OrgScope, { driver, filters, after }: Range): RawBuilder<unknown> {
  const { since, until } = filters
  const from = since === undefined ? nilUuid : firstEntryIdAt(since)
  const before = [after ?? highestId, until === undefined ? highestId : firstEntryIdAt(until)].sort()[0]
  if (driver === undefined)
    return sql`organization_id = ${organizationId} and id >= ${from}::uuid and id < ${before}::uuid`
  const { column, value } = driver
  return sql`
    organization_id = ${organizationId} and ${column} is not null
    and (${column}, id) >= (${value}, ${from}::uuid) and (${column}, id) < (${value}, ${before}::uuid)`
}

// The condition that skips to the entry that `first` selects.
function startingAt(driver: Condition | undefined, first: RawBuilder<unknown>): RawBuilder<unknown> {
  return driver === undefined
    ? sql`and id <= (${first})`
    : sql`and (${driver.column}, id) <= (${driver.value}, (${first}))`
}

function orderOf(driver: Condition | undefined, from: 'audit_log' | 'scanned' = 'audit_log'): RawBuilder<unknown> {
  if (driver === undefined) return sql`id desc`
  return from === 'scanned' ? sql`driver desc, id desc` : sql`${driver.column} desc, id desc`
}

const highestId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Splits the filters into the driver (its index is scanned; usually the most selective filter) and the rest. */
function conditionsOf({ resourceId, endUserId, actorId, action, noun, applicationId }: AuditFilters): {
  driver: Condition | undefined
  rest: RawBuilder<unknown> | undefined
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
        ? undefined
        : sql.join(
            rest.map(({ column, value }) => sql`${column} = ${value}`),
            sql` and `,
          ),
  }
}

/**
 * Removes audit entries of a deleted organization. Waits for the lock for chaining: an entry must not disappear while
 * it is being chained.
 */
export const removeEntries: RemovalStatement = (organizationId, limit) => sql`
  delete from audit_log where ctid = any(array(
    select ctid from audit_log
    where organization_id = ${organizationId} and (select ${chainingLock}) is not null limit ${limit}))`
