import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findRunState } from '../../execution/runs/index.ts'
import { readerOf } from './notification.ts'
import { saveRunRead } from './notification-store.ts'

export const markRunRead = endpoint({
  route: 'PUT /api/notifications/read/:runId',
  summary: "Mark a run's notification as read",
  caller: 'application',
  permission: 'runs:read',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  returns: { 200: Type.Object({ ok: Type.Boolean({ description: 'False if the run has no notification for you.' }) }) },
  fails: [],
  async handle({ db, scope, caller, params }) {
    const run = foundOr(await findRunState(db, scope, params.runId), 'run-not-found')
    return ok({ ok: await saveRunRead(db, { scope, reader: readerOf(scope, caller) }, run.id) })
  },
})
