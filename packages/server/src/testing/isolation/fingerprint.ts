import { sql } from 'kysely'
import type { Db } from '../../platform/db/database.ts'

/** Tables that change in the background or record the attempts: not content of the tenant. */
const volatileTables: ReadonlySet<string> = new Set([
  'audit_log',
  'audit_chains',
  'idempotency_keys',
  'outbox',
  'security_events',
])
const volatileColumns = ['last_used_at', 'ip_address', 'user_agent']
/** Tables that belong to no tenant. */
const tablesWithoutTenant: ReadonlySet<string> = new Set([
  'migrations',
  'encryption_keys',
  'workers',
  'verifications',
  'retired_slugs',
  'password_attempts',
])

export interface Owner {
  readonly organizationId: string
  readonly userIds: readonly string[]
}

/** Checksums, by table, of the rows of an organization and its users. Throws if a table's owner is unknown. */
export async function fingerprint(db: Db, owner: Owner): Promise<Record<string, string>> {
  const columns = await sql<{ table: string; columns: string[] }>`
    select c.table_name as table, array_agg(c.column_name::text) as columns from information_schema.columns c
    join information_schema.tables t using (table_schema, table_name)
    where c.table_schema = 'public' and t.table_type = 'BASE TABLE'
    group by c.table_name order by c.table_name`.execute(db)
  const marks: Record<string, string> = {}
  for (const { table, columns: names } of columns.rows) {
    if (volatileTables.has(table) || tablesWithoutTenant.has(table)) continue
    const { rows } = await sql<{ mark: string }>`
      select count(*) || ' rows ' || coalesce(md5(string_agg(row::text, ',' order by row::text)), '') as mark
      from (
        select to_jsonb(t) - ${volatileColumns}::text[] as row from ${sql.table(table)} t
        where ${ownedBy(table, names, owner)}
      ) rows`.execute(db)
    marks[table] = rows[0]?.mark ?? ''
  }
  return marks
}

function ownedBy(table: string, columns: readonly string[], { organizationId, userIds }: Owner) {
  const applications = sql`(select id from applications where organization_id = ${organizationId})`
  if (table === 'organizations') return sql`id = ${organizationId}`
  if (table === 'users') return sql`id = any(${userIds})`
  if (columns.includes('organization_id')) return sql`organization_id = ${organizationId}`
  if (columns.includes('application_id')) return sql`application_id in ${applications}`
  if (columns.includes('user_id')) return sql`user_id = any(${userIds})`
  const [parent, column] = parents[table] ?? []
  if (parent === undefined || column === undefined) {
    throw new Error(
      `The owner of the rows in the table ${table} is unknown: ` +
        'add it to parents or tablesWithoutTenant in testing/isolation/fingerprint.ts.',
    )
  }
  return sql`${sql.ref(column)} in (select id from ${sql.table(parent)} where organization_id = ${organizationId})`
}

/** Tables whose rows belong to rows of another table. */
const parents: Readonly<Record<string, readonly [table: string, column: string]>> = {
  notification_reads: ['notifications', 'notification_id'],
}
