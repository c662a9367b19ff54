import type pg from 'pg'
import { tenantRole } from './pooled-connection.ts'

/** PostgreSQL's "insufficient privilege" (SQLSTATE 42501). */
const notAllowed = '42501'
/** Created meanwhile by a server of another database in the same cluster: roles belong to the whole cluster. */
const madeMeanwhile = ['42710', '23505']

/** Tables that tenant requests use besides those that row-level security protects. */
const sharedTables = ['users', 'sessions']

/**
 * Creates the role that tenant requests run as, if this account may, and grants it the tables that row-level security
 * protects. Idempotent; runs at each boot, after the migrations and under their lock.
 */
export async function prepareTenantRole(client: pg.ClientBase): Promise<void> {
  if (!(await roleExists(client)) && !(await attempt(client, `create role ${tenantRole} nologin`))) return
  if (
    !(await attempt(client, `set role ${tenantRole}`)) &&
    !(await attempt(client, `grant ${tenantRole} to current_user`))
  )
    return
  await client.query('reset role')
  await attempt(client, `grant usage on schema ${await schemaOf(client)} to ${tenantRole}`)
  const { rows: lacking } = await client.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class
     where relnamespace = current_schema()::regnamespace and relkind = 'r' and (relrowsecurity or relname = any($2))
       and not (has_table_privilege($1, oid, 'select') and has_table_privilege($1, oid, 'insert')
         and has_table_privilege($1, oid, 'update') and has_table_privilege($1, oid, 'delete'))`,
    [tenantRole, sharedTables],
  )
  if (lacking.length > 0)
    await client.query(
      `grant select, insert, update, delete on ${lacking.map(({ name }) => name).join(', ')} to ${tenantRole}`,
    )
}

async function roleExists(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query('select from pg_roles where rolname = $1', [tenantRole])
  return rows.length > 0
}

async function schemaOf(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ name: string }>('select quote_ident(current_schema()) as name')
  return rows[0]?.name ?? 'public'
}

async function attempt(client: pg.ClientBase, statement: string): Promise<boolean> {
  try {
    await client.query(statement)
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (madeMeanwhile.includes(code)) return true
    if (code === notAllowed) return false
    throw error
  }
}

/** True if this account can act as the tenant role on the tables that it needs. */
export async function canActAsTenant(pool: pg.Pool): Promise<boolean> {
  const client = await pool.connect()
  try {
    if (!(await roleExists(client)) || !(await attempt(client, `set role ${tenantRole}`))) return false
    const { rows: lacking } = await client.query(
      `select from pg_class
       where relnamespace = current_schema()::regnamespace and relrowsecurity
         and not has_table_privilege(oid, 'select')`,
    )
    return lacking.length === 0
  } finally {
    // Closing the connection resets the role.
    client.release(true)
  }
}
