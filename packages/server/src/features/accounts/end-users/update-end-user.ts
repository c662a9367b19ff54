import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import {
  findMetadataMistakes,
  findSizeMistakes,
  mergeMetadata,
  normalizeEmail,
  refuseTaken,
  type EndUser,
  type EndUserChanges,
} from './end-user.ts'
import { lockEndUser, saveEndUser } from './end-user-store.ts'
import {
  endUserBytesMax,
  endUserFields,
  EndUserWire,
  personalFields,
  toAudited,
  toEndUserWire,
} from './end-user-wire.ts'

export const updateEndUser = endpoint({
  route: 'PATCH /api/end-users/:endUserId',
  summary: 'Change an end-user',
  description: '`metadata` is merged key by key into the stored metadata; null removes a key.',
  caller: 'application',
  permission: 'end-users:write',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'end-user.updated',
  params: { endUserId: { id: 'eu', missing: 'end-user-not-found' } },
  body: Type.Object(endUserFields),
  bodyBytesMax: endUserBytesMax,
  returns: { 200: EndUserWire },
  fails: ['external-id-taken', 'email-taken'],
  async handle({ params, body, scope, change }) {
    refuseInvalid(findMetadataMistakes(body.metadata ?? {}))
    const { after } = await change(
      (tx) => merge(tx, scope, { id: params.endUserId, body }),
      ({ before, after: changed }) => ({
        resourceId: toWireId('eu', changed.id),
        changes: changesBetween(toAudited(before), toAudited(changed), { secret: personalFields }),
      }),
    )
    return ok(toEndUserWire(after))
  },
})

type Body = Omit<EndUserChanges, 'metadata'> & { readonly metadata?: Readonly<Record<string, unknown>> }

async function merge(
  tx: Tx,
  scope: AppScope,
  { id, body }: { id: string; body: Body },
): Promise<{ before: EndUser; after: EndUser }> {
  const before = foundOr(await lockEndUser(tx, scope, id), 'end-user-not-found')
  const { metadata: change = {}, email, ...fields } = body
  const metadata = mergeMetadata(before.metadata, change)
  refuseInvalid(findSizeMistakes(metadata))
  const normalized = email === undefined ? {} : { email: email === null ? null : normalizeEmail(email) }
  const after = await saveEndUser(tx, scope, { id, changes: { ...fields, ...normalized, metadata } })
  return { before, after: refuseTaken(after) }
}
