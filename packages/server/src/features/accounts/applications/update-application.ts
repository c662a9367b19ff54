import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { reachOf, type Application } from './application.ts'
import { lockApplication, saveApplication } from './application-store.ts'
import { applicationFields, ApplicationWire, toApplicationWire } from './application-wire.ts'

export const updateApplication = endpoint({
  route: 'PATCH /api/applications/:applicationId',
  summary: 'Change an application',
  description: '`settings` replaces all settings.',
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
    const reach = reachOf(scope, caller)
    const { after } = await change(
      async (tx) => {
        const before = foundOr(await lockApplication(tx, reach, params.applicationId), 'app-not-found')
        return { before, after: await saveApplication(tx, reach, { id: params.applicationId, changes: body }) }
      },
      (changed) => ({
        resourceId: toWireId('app', params.applicationId),
        changes: changesBetween(toAudited(changed.before), toAudited(changed.after)),
      }),
    )
    return ok(toApplicationWire(after))
  },
})

function toAudited({ name, settings }: Application) {
  return { name, settings }
}
