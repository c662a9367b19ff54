import { sql } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'

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
