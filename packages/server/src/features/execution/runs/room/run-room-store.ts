import { sql } from 'kysely'
import type { Db, Tx } from '../../../../platform/db/database.ts'

/** Any number that no other lock of this program begins with. */
const startsLock = 0x72756e73

/** The pending and running runs of an organization, counted up to `max`. */
export async function countUnfinished(db: Db, organizationId: string, max: number): Promise<number> {
  const { rows } = await sql<{ unfinished: number }>`
    select count(*)::int as unfinished from (
      (select from runs where organization_id = ${organizationId} and status = 'running' limit ${max})
      union all
      (select from runs where organization_id = ${organizationId} and status = 'pending' limit ${max})
      limit ${max}) r`.execute(db)
  return rows[0]?.unfinished ?? 0
}

/** The runs of an organization that have a slot of a worker, or have lost it and wait for another. */
export async function countExecuted(db: Db, organizationId: string): Promise<number> {
  const { rows } = await sql<{ executed: number }>`
    select count(*)::int as executed from runs
    where organization_id = ${organizationId} and status = 'running'`.execute(db)
  return rows[0]?.executed ?? 0
}

/** Makes the starts of an organization's runs take turns: each waits until the transaction of the one before ends. */
export async function lockStartsOf(tx: Tx, organizationId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${startsLock}::int, hashtext(${organizationId}))`.execute(tx)
}
