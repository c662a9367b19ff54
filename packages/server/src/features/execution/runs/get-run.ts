import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { unsealRun } from './run-content.ts'
import { findRun } from './run-store.ts'
import { RunWire, toRunWire } from './run-wire.ts'

export const getRun = endpoint({
  route: 'GET /api/runs/:runId',
  summary: 'Get a run',
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  returns: { 200: RunWire },
  fails: [],
  async handle({ db, scope, platform, params }) {
    const stored = foundOr(await findRun(db, scope, params.runId), 'run-not-found')
    return ok(toRunWire(await unsealRun(platform, stored)))
  },
})
