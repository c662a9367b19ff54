import { sql } from 'kysely'
import type { Tx } from '../../../platform/db/database.ts'
import { toColumnText, toJsonText } from '../../../platform/db/json-text.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { RemovalStatement } from '../../../platform/hooks/hooks.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { hasEndUser } from '../../accounts/end-users/index.ts'
import { userExists } from '../../accounts/sign-in/index.ts'
import { runOwners } from '../../execution/runs/index.ts'

/** A notification for one user, for one end-user, or (with neither) for every member of the organization. */
export interface NewNotification {
  readonly organizationId: string
  readonly applicationId: string
  /** Such as `webhook.disabled`. */
  readonly type: string
  /** One sentence, without content of an end-user. */
  readonly message: string
  readonly userId?: string
  readonly endUserId?: string
  readonly agentId?: string
}

/** Writes a notification in the transaction of the change that it reports. */
export async function insertNotification(tx: Tx, notification: NewNotification): Promise<void> {
  const { organizationId, applicationId, type, message, userId, endUserId, agentId } = notification
  await tx
    .insertInto('notifications')
    .values({
      id: newUuid(),
      organization_id: organizationId,
      application_id: applicationId,
      user_id: userId ?? null,
      end_user_id: endUserId ?? null,
      type,
      agent_id: agentId ?? null,
      message: toColumnText(message),
    })
    .execute()
}

export interface RunNotification {
  readonly applicationId: string
  readonly runId: string
  readonly userId: string | null
  readonly endUserId: string | null
  readonly type: string
  readonly message: string
}

/** Inserts one for each run that still exists and has none yet. Skips recipients that no longer exist. */
export async function insertRunNotifications(tx: Tx, notifications: readonly RunNotification[]): Promise<void> {
  const rows = notifications.map((notification) => ({ id: newUuid(), ...notification }))
  await sql`
    insert into notifications (
      id, organization_id, application_id, user_id, end_user_id, type, run_id, agent_id, message)
    select e.id, r.organization_id, r.application_id, e."userId", e."endUserId", e.type, r.id, r.agent_id, e.message
    from jsonb_to_recordset(${toJsonText(rows)}::jsonb)
      as e(id uuid, "applicationId" uuid, "runId" uuid, "userId" text, "endUserId" uuid, type text, message text)
    join ${runOwners} as r on r.application_id = e."applicationId" and r.id = e."runId"
    where (e."userId" is null or ${userExists(sql`e."userId"`)})
      and (e."endUserId" is null or ${hasEndUser(sql`r.application_id`, sql`e."endUserId"`)})
    for key share of r
    on conflict (run_id) where run_id is not null do nothing`.execute(tx)
}

/** A notification goes with the marks of those who have read it, so a batch holds fewer of them than `limit`. */
const batchNotificationsMax = 100

/** Removes notifications of a deleted application. */
export const removeNotifications: RemovalStatement = (applicationId, limit) => sql`
  with picked as materialized (
    select id from notifications where application_id = ${applicationId}
    limit ${Math.min(limit, batchNotificationsMax)}
  ), reads as (delete from notification_reads where notification_id in (select id from picked))
  delete from notifications where id in (select id from picked)`

/** Removes the marks up to which readers of a deleted application have read. */
export const removeMarks = removalFrom('notification_marks', 'application_id')
