import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { reachOf } from './application.ts'
import { findApplication } from './application-store.ts'
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
  async handle({ params, scope, caller, db }) {
    const application = await findApplication(db, reachOf(scope, caller), params.applicationId)
    return ok(toApplicationWire(foundOr(application, 'app-not-found')))
  },
})
