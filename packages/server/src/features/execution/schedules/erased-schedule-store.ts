import { sql } from 'kysely'
import type { Tx } from '../../../platform/db/database.ts'
import type { ErasedEndUser } from '../../../platform/hooks/hooks.ts'

/** Locks the schedules of an end-user until the transaction ends; returns their ids. */
export async function lockSchedulesOf(tx: Tx, { applicationId, endUserId }: ErasedEndUser): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from schedules where application_id = ${applicationId} and end_user_id = ${endUserId}
    order by id for update`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Deletes at most `limit` fires of locked schedules; returns how many. */
export async function deleteFires(tx: Tx, scheduleIds: readonly string[], limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from schedule_fires where ctid = any(array(
      select ctid from schedule_fires where schedule_id = any(${scheduleIds}::uuid[]) limit ${limit}))`.execute(tx)
  return Number(numAffectedRows ?? 0n)
}

/** Deletes locked schedules, which nothing refers to any more. */
export async function deleteLockedSchedules(tx: Tx, scheduleIds: readonly string[]): Promise<void> {
  await sql`delete from schedules where id = any(${scheduleIds}::uuid[])`.execute(tx)
}
