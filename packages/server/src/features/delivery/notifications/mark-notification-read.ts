import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { readerOf } from './notification.ts'
import { saveRead } from './notification-store.ts'
import { NotificationWire, toNotificationWire } from './notification-wire.ts'

export const markNotificationRead = endpoint({
  // Not `…/:notificationId/read`: it would be ambiguous with `…/read/:runId`.
  route: 'PATCH /api/notifications/:notificationId',
  summary: 'Mark a notification as read',
  description: 'Marks a notification as read for you only: one for every member stays unread for the others.',
  caller: 'application',
  permission: 'runs:read',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { notificationId: { id: 'ntf', missing: 'notification-not-found' } },
  body: Type.Object({ read: Type.Literal(true) }),
  returns: { 200: NotificationWire },
  fails: [],
  handle: async ({ db, scope, caller, params }) =>
    ok(
      toNotificationWire(
        foundOr(
          await saveRead(db, { scope, reader: readerOf(scope, caller) }, params.notificationId),
          'notification-not-found',
        ),
      ),
    ),
})
