import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { reachOf } from './application.ts'
import { getApplication as getApplicationRow } from './application-store.ts'
import { ApplicationWire, toApplicationWire } from './application-wire.ts'

export const getApplication = endpoint({
  route: 'GET /api/applications/:applicationId',
  summary: 'Get an application',
  caller: 'organization',
  permission: 'applications:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { applicationId: { id: 'app', missing: 'app-not-found' } },
  returns: { 200: ApplicationWire },
  fails: [],
  handle: async ({ params, scope, caller, db }) =>
    ok(toApplicationWire(await getApplicationRow(db, reachOf(scope, caller), params.applicationId))),
})
