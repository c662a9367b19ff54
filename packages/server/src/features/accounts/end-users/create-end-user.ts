import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { refuseOverQuota } from '../quotas/index.ts'
import { findMetadataMistakes, findSizeMistakes, mergeMetadata, normalizeEmail, refuseTaken } from './end-user.ts'
import { insertEndUser } from './end-user-store.ts'
import {
  endUserBytesMax,
  endUserFields,
  EndUserWire,
  personalFields,
  toAudited,
  toEndUserWire,
} from './end-user-wire.ts'

export const createEndUser = endpoint({
  route: 'POST /api/end-users',
  summary: 'Create an end-user',
  description:
    'Send the id in `Appstrate-User` to make requests on their behalf. Metadata keys with the value null are ignored.',
  caller: 'application',
  permission: 'end-users:write',
  limit: 'create',
  idempotency: 'supported',
  secretReply: true,
  audit: 'end-user.created',
  body: Type.Object(endUserFields),
  bodyBytesMax: endUserBytesMax,
  returns: { 201: EndUserWire },
  fails: ['external-id-taken', 'email-taken', 'quota-exceeded'],
  async handle({ body, scope, platform, changeOnce }) {
    const given = body.metadata ?? {}
    const metadata = mergeMetadata({}, given)
    refuseInvalid([...findMetadataMistakes(given), ...findSizeMistakes(metadata)])
    const email = typeof body.email === 'string' ? normalizeEmail(body.email) : null
    const fields = { name: body.name ?? null, email, externalId: body.externalId ?? null, metadata }
    return changeOnce(
      async (tx) => {
        const made = refuseTaken(await insertEndUser(tx, scope, fields))
        await refuseOverQuota(tx, platform, { scope, added: { endUsers: 1 } })
        return made
      },
      {
        describe: (made) => ({
          resourceId: toWireId('eu', made.id),
          changes: changesBetween({}, toAudited(made), { secret: personalFields }),
        }),
        reply: (made) => created(toEndUserWire(made), `/api/end-users/${toWireId('eu', made.id)}`),
      },
    )
  },
})
