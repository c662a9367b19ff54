import { sql, type RawBuilder } from 'kysely'
import { firstEntryIdAt } from '../../../platform/audit/entry-time.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import type { AuditFilters } from './audit-filters.ts'
import { entryColumns, toStoredEntry, type EntryRow, type StoredEntry } from './entry-row-store.ts'

/** Entries that a page is looked for in, and that `total` counts: what a request costs is bounded, whatever it asks for. */
export const scannedEntriesMax = 10_000

export interface ListedEntry {
  readonly entry: StoredEntry
  /** Null for the moment until the entry is chained. */
  readonly seq: number | null
  readonly hash: Buffer | null
}

export interface AuditQuery {
  readonly filters: AuditFilters
  readonly page: Page
  /** The entry (a stored UUID) behind which the page starts. */
  readonly after?: string | undefined
}

/** The organization's entries that match, newest first. A page may have fewer than there are: then `nextCursor` goes on behind what was looked at. */
export async function listEntries(db: Db, scope: OrgScope, query: AuditQuery): Promise<Slice<ListedEntry>> {
  const { rows } = await entriesQuery(scope, query).execute(db)
  const items = rows
    .slice(0, query.page.pageSize)
    .map(({ seq, hash, ...row }) => ({ entry: toStoredEntry(row), seq, hash }))
  const total = await totalQuery(scope, query.filters).execute(db)
  const isFull = rows.length > query.page.pageSize
  const nextCursor = isFull
    ? (items.at(-1)?.entry.id ?? null)
    : ((await endQuery(scope, query).execute(db)).rows[0]?.id ?? null)
  return { items, total: total.rows[0]?.total ?? 0, nextCursor }
}

/** The page and one entry more, when there is one. */
export function entriesQuery(
  scope: OrgScope,
  { filters, page, after }: AuditQuery,
): RawBuilder<EntryRow & { seq: number | null; hash: Buffer | null }> {
  const { driver, rest } = conditionsOf(filters)
  return sql`
    select ${entryColumns}, seq, hash from (${scanned(scope, { driver, filters, after })}) scanned
    where ${rest} order by ${orderOf(driver)} limit ${page.pageSize + 1} offset ${after === undefined ? offsetOf(page) : 0}`
}

export function totalQuery(scope: OrgScope, filters: AuditFilters): RawBuilder<{ total: number }> {
  const { driver, rest } = conditionsOf(filters)
  return sql`select count(*) as total from (${scanned(scope, { driver, filters, after: undefined })}) scanned where ${rest}`
}

// The last entry that was looked at, when the log goes on behind it.
function endQuery(scope: OrgScope, { filters, after }: AuditQuery): RawBuilder<{ id: string }> {
  const { driver } = conditionsOf(filters)
  return sql`select id from (${scanned(scope, { driver, filters, after })}) scanned order by ${orderOf(driver)} limit 1 offset ${scannedEntriesMax - 1}`
}

/** What an index has an entry under, and the value that is asked for. */
interface Condition {
  readonly column: RawBuilder<unknown>
  readonly value: string
}

interface Scan {
  readonly driver: Condition | undefined
  readonly filters: AuditFilters
  readonly after: string | undefined
}

// The order names the driver's column, so that no other index can serve it: walking a longer one for a rare value could take for ever.
function scanned(
  { organizationId }: OrgScope,
  { driver, filters: { since, until }, after }: Scan,
): RawBuilder<unknown> {
  const from = since === undefined ? lowestId : firstEntryIdAt(since)
  const before = [after ?? highestId, until === undefined ? highestId : firstEntryIdAt(until)].sort()[0]
  if (driver === undefined) {
    return sql`
      select * from audit_log where organization_id = ${organizationId} and id >= ${from}::uuid and id < ${before}::uuid
      order by id desc limit ${scannedEntriesMax}`
  }
  const { column, value } = driver
  return sql`
    select *, ${column} as driver from audit_log
    where organization_id = ${organizationId} and ${column} is not null and (${column}, id) >= (${value}, ${from}::uuid) and (${column}, id) < (${value}, ${before}::uuid)
    order by ${column} desc, id desc limit ${scannedEntriesMax}`
}

function orderOf(driver: Condition | undefined): RawBuilder<unknown> {
  return driver === undefined ? sql`id desc` : sql`driver desc, id desc`
}

const lowestId = '00000000-0000-0000-0000-000000000000'
const highestId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** The condition whose index is walked, which is the one that few entries meet as a rule, and the others. */
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
