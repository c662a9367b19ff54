import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { timeAndIdCursor } from '../../../platform/lists/cursor.ts'
import { InstanceUserWire, suspendedFilter, toInstanceUserWire } from './administration-wire.ts'
import { loadInstanceUsers } from './instance-user-store.ts'

export const listInstanceUsers = endpoint({
  route: 'GET /api/admin/users',
  summary: 'List the users of the instance',
  description: 'Newest first. End-users of applications are not among them.',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: {
    ...pageQuery,
    q: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 320,
        examples: ['ada@'],
        description: 'The beginning of the name or of the e-mail address, or the whole id.',
      }),
    ),
    suspended: suspendedFilter,
    administrator: Type.Optional(Type.Boolean({ description: 'Only administrators, or only other users.' })),
  },
  returns: { 200: pageOf(InstanceUserWire) },
  fails: [],
  async handle({ query, db }) {
    const page = parsePage(query, timeAndIdCursor)
    return ok(toPageWire(await loadInstanceUsers(db, query, page), page, toInstanceUserWire))
  },
})
