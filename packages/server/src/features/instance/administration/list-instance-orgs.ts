import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { InstanceOrgWire, suspendedFilter, toInstanceOrgWire } from './administration-wire.ts'
import { loadInstanceOrgs } from './instance-org-store.ts'

export const listInstanceOrgs = endpoint({
  route: 'GET /api/admin/orgs',
  summary: 'List the organizations of the instance',
  description: 'Names, counts and states, newest first; nothing of what the organizations contain.',
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
        maxLength: 200,
        examples: ['acme'],
        description: 'The beginning of the name or of the slug, or the whole id.',
      }),
    ),
    suspended: suspendedFilter,
  },
  returns: { 200: pageOf(InstanceOrgWire) },
  fails: [],
  async handle({ query, db }) {
    const page = parsePage(query, idCursor('org'))
    return ok(toPageWire(await loadInstanceOrgs(db, query, page), page, toInstanceOrgWire))
  },
})
