import { sql } from 'kysely'
import type { Tx } from '../db/database.ts'
import type { OutboxEvent } from './outbox.ts'

/** Takes the lock for relaying until the transaction ends; false if another process holds it. */
export async function lockRelay(tx: Tx): Promise<boolean> {
  const { rows } = await sql<{
    held: boolean
  }>`select pg_try_advisory_xact_lock(hashtext('outbox relay')) as held`.execute(tx)
  return rows[0]?.held ?? false
}

/** The oldest events after `after`. Events of a run commit in id order, because their writers lock the run's row. */
export async function listEvents(tx: Tx, { after, limit }: { after: number; limit: number }): Promise<OutboxEvent[]> {
  const { rows } = await sql<OutboxEvent>`
    select id, organization_id as "organizationId", application_id as "applicationId", run_id as "runId",
      agent_id as "agentId",
      end_user_id as "endUserId", type, payload, created_at as "createdAt"
    from outbox where id > ${after} order by id limit ${limit}`.execute(tx)
  return rows
}

/** Deletes events that every reader has read. */
export async function removeEvents(tx: Tx, ids: readonly number[]): Promise<void> {
  await tx
    .deleteFrom('outbox')
    .where('id', 'in', [...ids])
    .execute()
}
