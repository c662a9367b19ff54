import { sql } from 'kysely'
import { newUuid, parseWireId, toWireId } from '../../../../platform/ids/id.ts'
import { appendEvent, insertRun } from '../../../../testing/factories/run.ts'
import { findFillings } from '../../../../testing/isolation/find-fillings.ts'
import type { Tenant } from '../../../../testing/factories/tenant.ts'
import type { World } from '../../../../testing/world.ts'
import { features } from '../../../index.ts'

type Owner = Pick<Tenant, 'organizationId' | 'applicationId' | 'endUser'>

/** Inserts at least one row into every table that belongs to an application, around a run that has ended. */
export async function fillApplication({ platform }: Pick<World, 'platform'>, tenant: Owner): Promise<void> {
  const { db } = platform
  const of = { organization_id: tenant.organizationId, application_id: tenant.applicationId }
  const { application_id } = of
  const endUser = await tenant.endUser()
  const end_user_id = parseWireId('eu', endUser) ?? ''
  const run = await insertRun(platform, tenant, { status: 'success', endUser })
  await appendEvent({ db }, run, { message: 'hello' })
  const fileId = newUuid()
  await db
    .insertInto('files')
    .values({ id: fileId, ...of, name: 'a.csv', size_bytes: 1, content_type: 'text/csv', sha256: Buffer.alloc(32) })
    .execute()
  await db.insertInto('run_inputs').values({ application_id, run_id: run.id, file_id: fileId, name: 'a.csv' }).execute()
  await db.insertInto('end_user_keys').values({ application_id, end_user_id, encrypted_key: 'x' }).execute()
  await db
    .insertInto('erasures')
    .values({ id: newUuid(), ...of, end_user_id: newUuid(), report: '{}' })
    .execute()
  await db
    .insertInto('audit_log')
    .values({ id: newUuid(), ...of, action: 'a.b', actor: '{}', request_id: 'r', method: 'POST', path: '/' })
    .execute()
  await db
    .insertInto('notifications')
    .values({ id: newUuid(), ...of, type: 't', run_id: run.id, message: 'm' })
    .execute()
  await db.insertInto('notification_marks').values({ application_id, reader: 'usr_x', read_until: newUuid() }).execute()
  await db
    .insertInto('outbox')
    .values({ ...of, run_id: run.id, type: 'run.completed', payload: '{}' })
    .execute()
  const { organizationId, applicationId } = tenant
  const owner = { organizationId, applicationId, endUserId: end_user_id, agentId: run.agent.id }
  for (const { insertRows } of await findFillings(features)) await insertRows?.(db, owner)
}

/** Adds an end-user to an application; returns their wire id. */
export async function addEndUser(
  { platform }: Pick<World, 'platform'>,
  { organizationId, applicationId }: Pick<Tenant, 'organizationId' | 'applicationId'>,
): Promise<string> {
  const id = newUuid()
  await platform.db
    .insertInto('end_users')
    .values({ id, organization_id: organizationId, application_id: applicationId })
    .execute()
  return toWireId('eu', id)
}

/** The tables that have the column: it names the owner of each row. */
export async function tablesWith(
  { platform }: Pick<World, 'platform'>,
  column: 'organization_id' | 'application_id' | 'end_user_id',
): Promise<string[]> {
  const { rows } = await sql<{ table_name: string }>`
    select table_name from information_schema.columns
    where table_schema = 'public' and column_name = ${column} order by 1`.execute(platform.db)
  return rows.map((row) => row.table_name)
}

/** Counts the rows of each table whose column has the value. */
export async function countRows(
  { platform }: Pick<World, 'platform'>,
  tables: readonly string[],
  where: { readonly column: string; readonly value: string },
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of tables) {
    const { rows } = await sql<{
      count: number
    }>`select count(*) from ${sql.table(table)} where ${sql.ref(where.column)} = ${where.value}`.execute(platform.db)
    counts[table] = rows[0]?.count ?? -1
  }
  return counts
}
