import { Type, type Static } from 'typebox'
import { JsonObject, Nullable, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import type { ListedEntry } from './audit-store.ts'
import { toActorWire } from './hashed-entry.ts'

export const AuditEntryWire = wire('AuditEntry', {
  id: WireId('aud'),
  seq: Nullable(
    Type.Integer({
      description: "The entry's number in the organization's hash chain; null until the entry is chained.",
    }),
  ),
  action: Type.String({ examples: ['agent.updated'] }),
  actor: Type.Object(
    {
      kind: Type.String({ examples: ['user', 'api-key', 'system', 'anonymous'] }),
      userId: Type.Optional(WireId('usr', "The user who acted; for an API key, the key's creator.")),
      apiKeyId: Type.Optional(WireId('key')),
      endUserId: Type.Optional(Nullable(WireId('eu', 'The end-user on whose behalf the API key acted.'))),
      part: Type.Optional(
        Type.String({
          examples: ['schedules'],
          description: 'The part of the system that acted; only for the kind `system`.',
        }),
      ),
    },
    { 'x-component': 'AuditActor' },
  ),
  applicationId: Nullable(WireId('app')),
  resourceId: Nullable(Type.String({ examples: ['agent_01jq5x3v7kf8hb2m9w4tcd6e1n'] })),
  request: Nullable(
    wire('AuditRequest', {
      id: WireId('req'),
      method: Nullable(Type.String()),
      path: Nullable(Type.String()),
      ip: Nullable(Type.String()),
      userAgent: Nullable(Type.String()),
    }),
  ),
  changes: Nullable({
    ...JsonObject,
    description:
      'The changed fields as `{field: {before, after}}`. A secret is shown as `***`, ' +
      'a long value as its beginning, length and SHA-256.',
  }),
  hash: Nullable(Type.String({ description: 'SHA-256 of the previous hash and this entry, in hexadecimal digits.' })),
  createdAt: WireTime,
})

export function toAuditEntryWire({ entry, seq, hash }: ListedEntry): Static<typeof AuditEntryWire> {
  return {
    id: toWireId('aud', entry.id),
    seq,
    action: entry.action,
    actor: { kind: 'unknown', ...toObject(toActorWire(entry.actor)) },
    applicationId: toWireIdOrNull('app', entry.applicationId),
    resourceId: entry.resourceId,
    request:
      entry.requestId === null
        ? null
        : { id: entry.requestId, method: entry.method, path: entry.path, ip: entry.ip, userAgent: entry.userAgent },
    changes: entry.changes === null ? null : toObject(entry.changes),
    hash: hash?.toString('hex') ?? null,
    createdAt: entry.createdAt,
  }
}

function toObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
