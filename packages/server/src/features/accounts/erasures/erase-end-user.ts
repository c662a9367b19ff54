import { accepted, endpoint, ok } from '../../../platform/http/endpoint.ts'
import type { ErasedEndUser } from '../../../platform/hooks/hooks.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { beginErasure, forgetKey } from './begin-erasure.ts'
import { stepsOf } from './erasure-steps.ts'
import { ErasureWire, loadErasureWire } from './erasure-wire.ts'

/** A request erases for this long; what is left then is left to the job. */
const requestMs = 2_000

export const eraseEndUser = endpoint({
  route: 'DELETE /api/end-users/:endUserId',
  summary: 'Erase an end-user',
  description:
    'Deletes the end-user with all of their content, and destroys their data key. ' +
    'Runs that have not ended are cancelled. All runs stay for billing, without content and without the end-user. ' +
    'From the reply on the end-user is not found, nothing can be created for them, and their content cannot be read. ' +
    'The reply says what was erased. If that takes longer than two seconds, the reply is 202 with what was erased so ' +
    'far, and the rest is erased in the background: `GET /api/end-users/{endUserId}/erasure` shows the state. ' +
    'An erasure cannot be undone.',
  caller: 'application',
  permission: 'end-users:delete',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'end-user.erased',
  params: { endUserId: { id: 'eu', missing: 'end-user-not-found' } },
  returns: { 200: ErasureWire, 202: ErasureWire },
  fails: [],
  async handle({ params: { endUserId }, scope, now, platform, change, requestId }) {
    const whose = await change(
      (tx) => beginErasure(tx, scope, { endUserId, now }),
      () => toWireId('eu', endUserId),
    )
    forgetKey(platform, whose)
    await eraseForAWhile(platform, whose).catch((error: unknown) =>
      platform.log.warn({ err: error, requestId }, 'An erasure was interrupted; it goes on in the background.'),
    )
    const report = foundOr(await loadErasureWire(platform, scope, endUserId), 'end-user-not-found')
    if (report.status === 'erased') return ok(report)
    platform.wake.wake('erasures', '')
    return accepted(report, `/api/end-users/${report.endUserId}/erasure`)
  },
})

async function eraseForAWhile(platform: Platform, whose: ErasedEndUser): Promise<void> {
  const startedMs = performance.now()
  for await (const _ of stepsOf({ platform, whose, waits: true }))
    if (platform.stopping.aborted || performance.now() - startedMs > requestMs) return
}
