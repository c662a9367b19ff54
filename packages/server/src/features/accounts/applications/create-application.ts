import { Type } from 'typebox'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { refuseOverQuota } from '../quotas/index.ts'
import { insertApplication } from './application-store.ts'
import { applicationFields, ApplicationWire, toApplicationWire } from './application-wire.ts'

export const createApplication = endpoint({
  route: 'POST /api/applications',
  summary: 'Create an application',
  description: 'Requires a session: an API key has no access outside its application.',
  caller: 'organization',
  permission: 'applications:write',
  limit: 'create',
  idempotency: 'supported',
  audit: 'application.created',
  body: Type.Object({ name: applicationFields.name, settings: Type.Optional(applicationFields.settings) }),
  returns: { 201: ApplicationWire },
  fails: ['session-required', 'quota-exceeded'],
  async handle({ body, scope, caller, platform, changeOnce }) {
    if (caller.kind === 'api-key')
      throw problem('session-required', {
        detail: 'An API key has no access outside its application: sign in as a user.',
      })
    return changeOnce(
      async (tx) => {
        const made = await insertApplication(tx, scope, { ...body, createdBy: caller.userId })
        await refuseOverQuota(tx, platform, { scope, added: { applications: 1 } })
        return made
      },
      {
        describe: (made) => toWireId('app', made.id),
        reply: (made) => created(toApplicationWire(made), `/api/applications/${toWireId('app', made.id)}`),
      },
    )
  },
})
