import { sql } from 'kysely'
import type { Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'

export interface Erasure {
  readonly endUserId: string
  readonly erasedAt: Date
  /** What the erasure did, in numbers, by feature. It is kept, so it says nothing that identifies the end-user. */
  readonly report: Readonly<Record<string, unknown>>
}

const erasureTimeoutMs = 600_000

/** Raises the statement timeout of the transaction, because an end-user can have a very large number of rows. */
export async function allowLongStatements(tx: Tx): Promise<void> {
  await sql`select set_config('statement_timeout', ${String(erasureTimeoutMs)}, true)`.execute(tx)
}

export async function insertErasure(tx: Tx, scope: AppScope, { endUserId, erasedAt, report }: Erasure): Promise<void> {
  await tx
    .insertInto('erasures')
    .values({
      id: newUuid(),
      organization_id: scope.organizationId,
      application_id: scope.applicationId,
      end_user_id: endUserId,
      report: toJsonText(report),
      created_at: erasedAt,
    })
    .execute()
}

/** Removes the reports of erasures in a deleted application. */
export const removeErasures = removalFrom('erasures', 'application_id')
