import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { cancelLockedRun, wakeAfterCancel } from './end-run.ts'
import { unsealRun } from './run-content.ts'
import { lockRun } from './run-store.ts'
import { RunWire, toRunWire } from './run-wire.ts'
import { isTerminal, type StoredRun } from './run.ts'

export const cancelRun = endpoint({
  route: 'POST /api/runs/:runId/cancel',
  summary: 'Cancel a run',
  description:
    'The run is `cancelled` once this replies; its usage and cost so far are kept. Its worker stops within a second.',
  caller: 'application',
  permission: 'runs:cancel',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'run.cancelled',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  returns: { 200: RunWire },
  fails: ['run-already-finished'],
  async handle({ scope, params, platform, change }) {
    const run = await change(
      async (tx) => {
        const locked = foundOr(await lockRun(tx, scope, params.runId), 'run-not-found')
        refuseFinished(locked)
        return cancelLockedRun(tx, locked.id, { by: 'a request', entry: 'The run was cancelled.' })
      },
      (cancelled) => toWireId('run', cancelled.id),
    )
    wakeAfterCancel(platform.wake, run)
    return ok(toRunWire(await unsealRun(platform, run)))
  },
})

function refuseFinished({ status }: StoredRun): void {
  if (isTerminal(status)) throw problem('run-already-finished', { detail: `The run has already ended as ${status}.` })
}
