import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { readerOf } from './notification.ts'
import { loadNotifications } from './notification-store.ts'
import { NotificationWire, toNotificationWire } from './notification-wire.ts'

export const listNotifications = endpoint({
  route: 'GET /api/notifications',
  summary: 'List notifications',
  description:
    'Lists notifications, newest first. A signed-in user gets their own and those for every member. ' +
    'An API key gets those for every member or, with `Appstrate-User`, those of the end-user. ' +
    'Notifications are deleted after 90 days.',
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: {
    ...pageQuery,
    unread: Type.Optional(
      Type.Boolean({ description: 'If true, returns only unread notifications, among your newest 1,000.' }),
    ),
  },
  returns: { 200: pageOf(NotificationWire) },
  fails: [],
  async handle({ db, scope, caller, query }) {
    const page = parsePage(query, idCursor('ntf'))
    const inbox = { scope, reader: readerOf(scope, caller) }
    const slice = await loadNotifications(db, inbox, { page, unread: query.unread ?? false })
    return ok(toPageWire(slice, page, toNotificationWire))
  },
})
