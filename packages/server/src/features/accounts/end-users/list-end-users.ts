import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { normalizeEmail } from './end-user.ts'
import { loadEndUsers } from './end-user-store.ts'
import { EndUserWire, toEndUserWire } from './end-user-wire.ts'

export const listEndUsers = endpoint({
  route: 'GET /api/end-users',
  summary: 'List end-users',
  description:
    'Lists the end-users of the application, newest first. With `Appstrate-User`, returns only that end-user.',
  caller: 'application',
  permission: 'end-users:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: {
    ...pageQuery,
    externalId: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: 'Returns only the end-user with this externalId.' }),
    ),
    email: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 254,
        description: 'Returns only the end-user with this e-mail address, compared without regard to case.',
      }),
    ),
  },
  returns: { 200: pageOf(EndUserWire) },
  fails: [],
  async handle({ query, scope, db }) {
    const page = parsePage(query, idCursor('eu'))
    const filters = {
      ...(query.externalId === undefined ? {} : { externalId: query.externalId }),
      ...(query.email === undefined ? {} : { email: normalizeEmail(query.email) }),
    }
    return ok(toPageWire(await loadEndUsers(db, scope, { page, filters }), page, toEndUserWire))
  },
})
