import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { readerOf } from './notification.ts'
import { saveRunRead } from './notification-store.ts'

export const markRunRead = endpoint({
  route: 'PUT /api/notifications/read/:runId',
  summary: "Mark a run's notification as read",
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  returns: { 200: Type.Object({ ok: Type.Boolean({ description: 'False if the run has no notification for you.' }) }) },
  fails: [],
  handle: async ({ db, scope, caller, params }) =>
    ok({ ok: await saveRunRead(db, { scope, reader: readerOf(scope, caller) }, params.runId) }),
})
