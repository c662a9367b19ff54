import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { ErasedEndUser, ErasureCounts } from '../../../platform/hooks/hooks.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'

export interface Erasure {
  readonly endUserId: string
  /** When the end-user was marked. */
  readonly erasedAt: Date
  /** What the erasure has done so far. It is kept, so it says nothing that identifies the end-user. */
  readonly counts: ErasureCounts
}

/** Inserts the report of an erasure that begins. */
export async function insertErasure(
  tx: Tx,
  { organizationId, applicationId, endUserId }: ErasedEndUser,
  now: Date,
): Promise<void> {
  await tx
    .insertInto('erasures')
    .values({
      id: newUuid(),
      organization_id: organizationId,
      application_id: applicationId,
      end_user_id: endUserId,
      report: '{}',
      created_at: now,
    })
    .execute()
}

/** Until the transaction ends, an index is used where there is one. */
export async function preferIndexes(tx: Tx): Promise<void> {
  // A plan that scans the table would read all rows that earlier batches have deleted. An index scan skips them.
  await sql`set local enable_seqscan = off`.execute(tx)
}

/** Adds what a batch has done to the report of an erasure whose end-user the transaction has locked. */
export async function addCounts(
  tx: Tx,
  { applicationId, endUserId }: ErasedEndUser,
  counts: ErasureCounts,
): Promise<void> {
  // For each field an object: its numbers, increased by those of the batch.
  await sql`
    update erasures e set report = e.report || (
      select jsonb_object_agg(field.key, coalesce(e.report -> field.key, '{}') || (
        select coalesce(
          jsonb_object_agg(n.key, coalesce((e.report -> field.key ->> n.key)::bigint, 0) + n.value::bigint), '{}')
        from jsonb_each_text(field.value) as n))
      from jsonb_each(${toJsonText(counts)}::jsonb) as field)
    where application_id = ${applicationId} and end_user_id = ${endUserId}`.execute(tx)
}

/** The report of an erasure; undefined if there was none in the application, and on behalf of another end-user. */
export async function findErasure(db: Db, scope: AppScope, endUserId: string): Promise<Erasure | undefined> {
  if (scope.endUserId !== null && scope.endUserId !== endUserId) return undefined
  const row = await db
    .selectFrom('erasures')
    .select(['end_user_id', 'report', 'created_at'])
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
    .where('end_user_id', '=', endUserId)
    .$narrowType<{ report: ErasureCounts }>()
    .executeTakeFirst()
  return row === undefined ? undefined : { endUserId: row.end_user_id, erasedAt: row.created_at, counts: row.report }
}

/** Removes the reports of erasures in a deleted application. */
export const removeErasures = removalFrom('erasures', 'application_id')
