import { sql } from 'kysely'
import { Value } from 'typebox/value'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { applicationsWithRetention, Retention } from '../applications/index.ts'

/** An application whose retention is to be applied. */
export interface DueApplication {
  readonly organizationId: string
  readonly applicationId: string
  readonly retention: Retention
}

/** Deleted things of a pass, by the name that the report uses. */
export type Counts = Readonly<Record<string, number>>

/** Applications whose retention was not applied on this day (`2026-03-21`) yet. Unscoped: of all organizations. */
export async function findDueApplications(
  db: Db,
  { day, limit }: { readonly day: string; readonly limit: number },
): Promise<DueApplication[]> {
  const { rows } = await sql<{ organizationId: string; applicationId: string; retention: unknown }>`
    select a.organization_id as "organizationId", a.id as "applicationId", a.retention
    from ${applicationsWithRetention} a left join retention_passes p on p.application_id = a.id
    where p.day is distinct from ${day}::date order by a.id limit ${limit}`.execute(db)
  return rows.map((row) => ({ ...row, retention: Value.Parse(Retention, row.retention) }))
}

/**
 * Locks an application's pass of a day until the transaction ends; returns what it has deleted so far. Undefined if the
 * pass is complete, or another process holds it.
 */
export async function lockPass(
  tx: Tx,
  { organizationId, applicationId }: Pick<DueApplication, 'organizationId' | 'applicationId'>,
  day: string,
): Promise<Counts | undefined> {
  await sql`
    insert into retention_passes (application_id, organization_id) values (${applicationId}, ${organizationId})
    on conflict do nothing`.execute(tx)
  const { rows } = await sql<{ counts: Counts }>`
    select counts from retention_passes
    where application_id = ${applicationId} and day is distinct from ${day}::date for update skip locked`.execute(tx)
  return rows[0]?.counts
}

/** Saves what a locked pass has deleted so far. */
export async function saveCounts(tx: Tx, applicationId: string, counts: Counts): Promise<void> {
  await sql`
    update retention_passes set counts = ${toJsonText(counts)}::jsonb
    where application_id = ${applicationId}`.execute(tx)
}

/** Completes a locked pass. */
export async function completePass(tx: Tx, applicationId: string, day: string): Promise<void> {
  await sql`
    update retention_passes set day = ${day}::date, counts = '{}'
    where application_id = ${applicationId}`.execute(tx)
}

/** Removes the state of the retention of a deleted application. */
export const removePasses = removalFrom('retention_passes', 'application_id')
