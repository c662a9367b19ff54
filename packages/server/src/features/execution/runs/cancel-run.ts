import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/http/problem.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { appendEvents, runUpdate } from './journal-store.ts'
import { openRun } from './run-content.ts'
import { endRun, lockRun } from './run-store.ts'
import { RunWire, toRunWire } from './run-wire.ts'
import { isTerminal, type StoredRun } from './run.ts'

export const cancelRun = endpoint({
  route: 'POST /api/runs/:runId/cancel',
  summary: 'Cancel a run',
  description: 'The run is `cancelled` when this answers; what it used until then is kept. Its worker stops within a second.',
  caller: 'application',
  permission: 'runs:cancel',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'run.cancelled',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  returns: { 200: RunWire },
  fails: ['run-already-finished'],
  async handle({ scope, params, platform, change }) {
    const run = await change(
      async (tx) => {
        const locked = await lockRun(tx, scope, params.runId)
        refuseFinished(locked)
        const cancelled = await endRun(tx, locked.id, { status: 'cancelled', error: { code: 'cancelled', message: 'Cancelled by a request.' } })
        await appendEvents(tx, cancelled, [
          { kind: 'run_log', type: 'system', level: 'info', event: 'run_completed', message: 'The run was cancelled.', data: { status: 'cancelled' } },
          runUpdate(cancelled, 'cancelled'),
        ])
        return cancelled
      },
      (cancelled) => toWireId('run', cancelled.id),
    )
    platform.wake.wake('cancel', run.id)
    platform.wake.wake('events', `${run.applicationId}:${run.id}`)
    platform.wake.wake('outbox', '')
    return ok(toRunWire(await openRun(platform, run)))
  },
})

function refuseFinished({ status }: StoredRun): void {
  if (isTerminal(status)) throw problem('run-already-finished', { detail: `The run has already ended as ${status}.` })
}
