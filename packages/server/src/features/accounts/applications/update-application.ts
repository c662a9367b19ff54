import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { reachOf } from './application.ts'
import { saveApplication } from './application-store.ts'
import { applicationFields, ApplicationWire, toApplicationWire } from './application-wire.ts'

export const updateApplication = endpoint({
  route: 'PATCH /api/applications/:applicationId',
  summary: 'Change an application',
  description: '`settings` replaces the settings as a whole.',
  caller: 'organization',
  permission: 'applications:write',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'application.updated',
  params: { applicationId: { id: 'app', missing: 'app-not-found' } },
  body: Type.Partial(Type.Object(applicationFields)),
  returns: { 200: ApplicationWire },
  fails: [],
  async handle({ params, body, scope, caller, change }) {
    const application = await change(
      (tx) => saveApplication(tx, reachOf(scope, caller), { id: params.applicationId, changes: body }),
      (changed) => toWireId('app', changed.id),
    )
    return ok(toApplicationWire(application))
  },
})
