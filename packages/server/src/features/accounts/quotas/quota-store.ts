import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { RemovalStatement } from '../../../platform/hooks/hooks.ts'
import type { Platform } from '../../../platform/platform.ts'
import { defaultLimits } from './defaults.ts'
import { limitMax, parseOverrides, type CountedQuota, type Overrides } from './quota.ts'

/** How much an organization uses of counted quotas, and its overrides. */
export interface Standing {
  readonly used: ReadonlyMap<string, number>
  readonly overrides: Overrides
}

/**
 * Reads the counts of some quotas with the overrides. A transaction that has added to a count has locked it, so that
 * the value includes all others who were faster.
 */
export async function findStanding(db: Db, organizationId: string, quotas: readonly CountedQuota[]): Promise<Standing> {
  const { rows } = await sql<{ counts: Record<string, number> | null; limits: unknown }>`
    select
      (select jsonb_object_agg(quota, used) from quota_counts
       where organization_id = ${organizationId} and quota = any(${quotas}::text[])) as counts,
      (select limits from quota_overrides where organization_id = ${organizationId}) as limits`.execute(db)
  const [row] = rows
  return { used: new Map(Object.entries(row?.counts ?? {})), overrides: parseOverrides(row?.limits ?? {}) }
}

/** The organization's overrides; empty if it has none. */
export async function findOverrides(db: Db, organizationId: string): Promise<Overrides> {
  return (await findStanding(db, organizationId, [])).overrides
}

/** Replaces the organization's overrides; returns the earlier ones. */
export async function replaceOverrides(tx: Tx, organizationId: string, overrides: Overrides): Promise<Overrides> {
  const limits = toJsonText(overrides)
  await tx
    .insertInto('quota_overrides')
    .values({ organization_id: organizationId, limits: '{}' })
    .onConflict((conflict) => conflict.column('organization_id').doNothing())
    .execute()
  // The lock makes the reported earlier overrides those that this change replaces.
  const before = await tx
    .selectFrom('quota_overrides')
    .select('limits')
    .where('organization_id', '=', organizationId)
    .forUpdate()
    .executeTakeFirstOrThrow()
  await tx
    .updateTable('quota_overrides')
    .set({ limits, updated_at: sql`now()` })
    .where('organization_id', '=', organizationId)
    .execute()
  return parseOverrides(before.limits)
}

/**
 * Returns the expression for how many runs an organization may have in execution, to be put into a statement. Unlimited
 * is a number that nothing reaches.
 */
export function concurrentRunsOf(platform: Pick<Platform, 'config' | 'hooks'>) {
  const fallback = defaultLimits(platform).concurrentRuns ?? limitMax
  return (organizationId: RawBuilder<unknown>): RawBuilder<number> => sql<number>`coalesce(
    (select case when o.limits ? 'concurrentRuns'
       then coalesce((o.limits ->> 'concurrentRuns')::bigint, ${limitMax}) end
     from quota_overrides o where o.organization_id = ${organizationId}),
    ${fallback}::bigint)`
}

/** Removes the counts of a deleted organization. */
export const removeCounts: RemovalStatement = (organizationId, limit) => sql`
  delete from quota_counts where ctid = any(array(
    select ctid from quota_counts where organization_id = ${organizationId} limit ${limit}))`

/** Removes the overrides of a deleted organization. */
export const removeOverrides: RemovalStatement = (organizationId, limit) => sql`
  delete from quota_overrides where ctid = any(array(
    select ctid from quota_overrides where organization_id = ${organizationId} limit ${limit}))`
