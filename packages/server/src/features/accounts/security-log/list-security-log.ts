import { Type, type Static } from 'typebox'
import { timeOfEntry } from '../../../platform/audit/entry-time.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { securityActions, type SecurityEvent } from './security-event.ts'
import { loadSecurityEvents } from './security-event-store.ts'

const SecurityEventWire = wire('SecurityEvent', {
  id: WireId('sev'),
  action: Type.String({ examples: Object.keys(securityActions) }),
  detail: Nullable(Type.String({ description: 'How you signed in, the former address or the name of what changed.' })),
  ip: Nullable(Type.String()),
  userAgent: Nullable(Type.String()),
  requestId: Nullable(Type.String()),
  createdAt: WireTime,
})

export const listSecurityLog = endpoint({
  route: 'GET /api/profile/security-log',
  summary: 'List the events of your account',
  description:
    'Lists your sign-ins, failed ones too, and changes of how you sign in, newest first. ' +
    'Events are kept for 180 days. Organizations do not see them.',
  caller: 'user',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(SecurityEventWire) },
  fails: [],
  async handle({ query, caller, db }) {
    const page = parsePage(query, idCursor('sev'))
    return ok(toPageWire(await loadSecurityEvents(db, caller.userId, page), page, toSecurityEventWire))
  },
})

function toSecurityEventWire({ userId: _, ...event }: SecurityEvent): Static<typeof SecurityEventWire> {
  return { ...event, id: toWireId('sev', event.id), createdAt: toWireTime(timeOfEntry(event.id)) }
}
