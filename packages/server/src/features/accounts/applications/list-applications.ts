import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { reachOf } from './application.ts'
import { loadApplications } from './application-store.ts'
import { ApplicationWire, toApplicationWire } from './application-wire.ts'

export const listApplications = endpoint({
  route: 'GET /api/applications',
  summary: 'List applications',
  description: 'An API key sees only its own application.',
  caller: 'organization',
  permission: 'applications:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(ApplicationWire) },
  fails: [],
  async handle({ query, scope, caller, db }) {
    const page = parsePage(query, idCursor('app'))
    return ok(toPageWire(await loadApplications(db, reachOf(scope, caller), page), page, toApplicationWire))
  },
})
