import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { readerOf } from './notification.ts'
import { countUnreadIn } from './notification-store.ts'

export const countUnread = endpoint({
  route: 'GET /api/notifications/unread-count',
  summary: 'Count unread notifications',
  description: 'Counts the unread ones among your newest 1,000 notifications.',
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  returns: { 200: Type.Object({ count: Type.Integer() }) },
  fails: [],
  handle: async ({ db, scope, caller }) =>
    ok({ count: await countUnreadIn(db, { scope, reader: readerOf(scope, caller) }) }),
})
