import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { unsealRun } from './run-content.ts'
import { loadRun } from './run-store.ts'
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
  handle: async ({ db, scope, platform, params }) =>
    ok(toRunWire(await unsealRun(platform, await loadRun(db, scope, params.runId)))),
})
