import { newWireId } from '../../../../platform/ids/id.ts'
import { createSessionCookie } from '../../../../testing/factories/session.ts'
import type { Tenant } from '../../../../testing/factories/tenant.ts'
import { requester, type Send } from '../../../../testing/request.ts'
import type { World } from '../../../../testing/world.ts'
import { insertNotification, notificationsFeature, type NewNotification } from '../index.ts'

export const options = { features: [notificationsFeature] }

type Fields = Partial<Pick<NewNotification, 'message' | 'type' | 'userId' | 'endUserId' | 'agentId'>>

/** Notifies every member of the tenant's application, unless `fields` name a recipient. */
export async function notify(
  { platform }: World,
  { organizationId, applicationId }: Tenant,
  fields: Fields = {},
): Promise<void> {
  const notification = {
    organizationId,
    applicationId,
    type: 'webhook.disabled',
    message: 'Something happened.',
    ...fields,
  }
  await platform.db.transaction().execute((tx) => insertNotification(tx, notification))
}

/** Another member of the tenant's organization, signed in. */
export async function addMember(
  { platform, url }: World,
  tenant: Tenant,
): Promise<{ readonly userId: string; readonly send: Send }> {
  const userId = newWireId('usr')
  await platform.db
    .insertInto('users')
    .values({ id: userId, name: 'Member', email: `${userId}@example.com`, email_verified: true })
    .execute()
  await platform.db
    .insertInto('organization_members')
    .values({ organization_id: tenant.organizationId, user_id: userId, role: 'viewer' })
    .execute()
  const cookie = await createSessionCookie(platform, userId)
  return { userId, send: requester(url, { cookie, 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId }) }
}

/** The messages of a reader's list, newest first. */
export async function messagesOf(send: Send, query: Record<string, string | number> = {}): Promise<string[]> {
  const answer = await send('GET /api/notifications', { query })
  return answer.body.data.map(({ message }: { message: string }) => message)
}

export async function unreadOf(send: Send): Promise<number> {
  return (await send('GET /api/notifications/unread-count')).body.count
}

/** The id of the reader's newest notification. */
export async function newestOf(send: Send): Promise<string> {
  return (await send('GET /api/notifications')).body.data[0].id
}
