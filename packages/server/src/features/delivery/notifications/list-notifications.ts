import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { cursorQuery, pageOf, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { parseWireId, toWireId } from '../../../platform/ids/id.ts'
import { readerOf } from './notification.ts'
import { loadNotifications } from './notification-store.ts'
import { NotificationWire, toNotificationWire } from './notification-wire.ts'

export const listNotifications = endpoint({
  route: 'GET /api/notifications',
  summary: 'List notifications',
  description:
    'Lists notifications, newest first. A signed-in user gets their own and those for every member. ' +
    'An API key gets those for every member or, with `Appstrate-User`, those of the end-user. ' +
    '`total` counts up to 1,000. Notifications are deleted after 90 days.',
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: {
    ...cursorQuery,
    unread: Type.Optional(
      Type.Boolean({ description: 'If true, returns only unread notifications, among your newest 1,000.' }),
    ),
  },
  returns: { 200: pageOf(NotificationWire) },
  fails: [],
  async handle({ db, scope, caller, query }) {
    const page = parsePage(query)
    const inbox = { scope, reader: readerOf(scope, caller) }
    const slice = await loadNotifications(db, inbox, {
      page,
      unread: query.unread ?? false,
      after: parseCursor(query.after),
    })
    const nextCursor = typeof slice.nextCursor === 'string' ? toWireId('ntf', slice.nextCursor) : null
    return ok(toPageWire({ ...slice, nextCursor }, page, toNotificationWire))
  },
})

function parseCursor(after: string | undefined): string | undefined {
  const id = after === undefined ? undefined : parseWireId('ntf', after)
  if (after !== undefined && id === undefined)
    refuseInvalid([{ pointer: 'query/after', message: 'is not a cursor of this list', code: 'cursor' }])
  return id
}
