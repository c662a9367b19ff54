import { Type, type Static } from 'typebox'
import { JsonObject, Nullable, toWireTime, wire, WireId, WireTime, NameText } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { EndUser } from './end-user.ts'

const emailField = Type.String({
  format: 'email',
  maxLength: 254,
  description: 'Unique in the application. Stored in lower case.',
})
const externalIdField = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '\\S',
  description: 'The id of the end-user in your product. Unique in the application.',
})

/** The most bytes of a body: 50 values of 500 characters, each of which JSON can write as six bytes. */
export const endUserBytesMax = 196_608

/** The fields of an end-user that a request sets. */
export const endUserFields = {
  name: Type.Optional(Nullable(NameText(200))),
  email: Type.Optional(Nullable(emailField)),
  externalId: Type.Optional(Nullable(externalIdField)),
  metadata: Type.Optional(
    Type.Unsafe<Record<string, unknown>>({
      ...JsonObject,
      description:
        'At most 50 keys of 1 to 40 characters. Values are strings of at most 500 characters, numbers or booleans. ' +
        'A change is merged key by key; null removes a key.',
      examples: [{ plan: 'pro' }],
    }),
  ),
}

export const EndUserWire = wire('EndUser', {
  id: WireId('eu'),
  object: Type.Literal('end_user'),
  applicationId: WireId('app'),
  name: Nullable(Type.String()),
  email: Nullable(Type.String()),
  externalId: Nullable(Type.String()),
  metadata: JsonObject,
  createdAt: WireTime,
  updatedAt: WireTime,
})

export function toEndUserWire(endUser: EndUser): Static<typeof EndUserWire> {
  return {
    id: toWireId('eu', endUser.id),
    object: 'end_user',
    applicationId: toWireId('app', endUser.applicationId),
    name: endUser.name,
    email: endUser.email,
    externalId: endUser.externalId,
    metadata: { ...endUser.metadata },
    createdAt: toWireTime(endUser.createdAt),
    updatedAt: toWireTime(endUser.updatedAt),
  }
}

/** Fields whose values an audit entry must not contain: the entry outlives the end-user. */
export const personalFields = ['name', 'email', 'externalId', 'metadata'] as const

/** The fields that an audit entry compares. */
export function toAudited({ name, email, externalId, metadata }: EndUser) {
  return { name, email, externalId, metadata }
}
