import { createHash } from 'node:crypto'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import type { StoredAuditEntry } from './entry-row-store.ts'

/** Everything that an entry's hash covers besides the previous hash, in wire form. */
export interface HashedEntry extends StoredAuditEntry {
  readonly seq: number
}

/** The previous hash of the first entry of a chain: 32 zero bytes. */
export const hashOfNothing = Buffer.alloc(32)

/** Converts an entry into the form that is hashed, as number `seq` of its organization's chain. */
export function toHashedEntry(entry: StoredAuditEntry, seq: number): HashedEntry {
  return {
    id: toWireId('aud', entry.id),
    seq,
    organizationId: toWireId('org', entry.organizationId),
    applicationId: toWireIdOrNull('app', entry.applicationId),
    action: entry.action,
    actor: toActorWire(entry.actor),
    resourceId: entry.resourceId,
    changes: entry.changes,
    requestId: entry.requestId,
    method: entry.method,
    path: entry.path,
    ip: entry.ip,
    userAgent: entry.userAgent,
    createdAt: entry.createdAt,
  }
}

/** SHA-256 of the previous hash (as bytes) followed by the canonical JSON of the entry. */
export function hashEntry(previous: Buffer, entry: HashedEntry): Buffer {
  return createHash('sha256').update(previous).update(canonicalJson(entry)).digest()
}

/** The actor with wire ids. Keeps every member, so that the hash covers all of them. */
export function toActorWire(actor: unknown): unknown {
  if (typeof actor !== 'object' || actor === null || Array.isArray(actor)) return actor
  return Object.fromEntries(Object.entries(actor).map(([name, value]) => [name, toMemberWire(name, value)]))
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function toMemberWire(name: string, value: unknown): unknown {
  if (typeof value !== 'string' || !uuid.test(value)) return value
  return name === 'apiKeyId' ? toWireId('key', value) : name === 'endUserId' ? toWireId('eu', value) : value
}

/**
 * The canonical JSON of a value (RFC 8785): names sorted by UTF-16 code units, no spaces, and numbers and escapes
 * as in ECMAScript.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`
}
