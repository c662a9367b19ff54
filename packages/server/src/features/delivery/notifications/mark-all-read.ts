import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { readerOf } from './notification.ts'
import { saveAllRead } from './notification-store.ts'

export const markAllRead = endpoint({
  route: 'PUT /api/notifications/read-all',
  summary: 'Mark all notifications as read',
  description: 'Marks the notifications that exist at the time of the call. Those created meanwhile stay unread.',
  caller: 'application',
  permission: 'runs:read',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  returns: {
    200: Type.Object({ updated: Type.Integer({ description: 'How many notifications were unread; at most 1,000.' }) }),
  },
  fails: [],
  async handle({ db, scope, caller }) {
    const inbox = { scope, reader: readerOf(scope, caller) }
    return ok({ updated: await db.transaction().execute((tx) => saveAllRead(tx, inbox)) })
  },
})
