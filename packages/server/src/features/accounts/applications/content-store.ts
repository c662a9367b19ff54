import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import type { ApplicationContent, ApplicationReach } from './application.ts'

/** Counting stops here, so that a question about years of runs costs no more than one about a week. */
export const countedMax = 10_000

/** What is in one application, or in all that are reached. Each number stops at `countedMax`. */
export async function countContent(db: Db, reach: ApplicationReach): Promise<ApplicationContent> {
  const of = (table: string, condition?: RawBuilder<unknown>) => counted({ reach, table, condition })
  const { rows } = await sql<ApplicationContent>`select
    ${of('application_packages', sql`t.removed_at is null`)} as agents,
    ${of('runs')} as runs,
    ${of('files')} as files,
    ${of('end_users')} as "endUsers",
    ${of('api_keys', sql`t.revoked_at is null`)} as "apiKeys",
    ${of('schedules')} as schedules,
    ${of('webhooks')} as webhooks,
    ${of('runs', sql`t.status in ('pending', 'running', 'waiting')`)} as "activeRuns"`.execute(db)
  const [content] = rows
  if (content === undefined) throw new Error('Counting gave no row.')
  return content
}

interface Counted {
  readonly reach: ApplicationReach
  readonly table: string
  readonly condition: RawBuilder<unknown> | undefined
}

// The limit inside makes each application read its own index, and no more of it than is counted.
function counted({ reach, table, condition = sql`true` }: Counted): RawBuilder<unknown> {
  const one = reach.onlyApplicationId === null ? sql`true` : sql`a.id = ${reach.onlyApplicationId}`
  return sql`(select count(*) from (
    select 1 from applications a
      cross join lateral (select 1 from ${sql.table(table)} t where t.application_id = a.id and ${condition} limit ${countedMax}) found
      where a.organization_id = ${reach.organizationId} and ${one} limit ${countedMax}) capped)`
}
