import { setTimeout as sleep } from 'node:timers/promises'
import { nilUuid } from '../../../platform/ids/id.ts'
import { createSignal, type Signal } from '../../../platform/concurrency/signal.ts'
import { job } from '../../../platform/jobs/job.ts'
import type { Platform } from '../../../platform/platform.ts'
import { claimShares, findCandidates, promoteDue, releaseClaims, type Candidate } from './claim-store.ts'
import { deliver } from './deliver.ts'
import type { ClaimedDelivery } from './delivery.ts'
import { endWaitingOf } from './record-attempt.ts'
import { createTraffic, planClaims, type Passage, type Slots, type Traffic } from './traffic.ts'

/** Sends due deliveries for the lifetime of the process. Every worker process runs one. */
export const dispatchDeliveries = job({
  name: 'dispatch-deliveries',
  // It subscribes to wake-ups itself and does not return; the interval restarts it after a failure.
  everyMs: 1_000,
  wakes: [],
  async run(platform, signal) {
    await dispatch(platform, signal, (delivery, aborted) => deliver(platform, delivery, aborted))
    return false
  },
})

/** Sends an attempt and records its outcome. Undefined if it was aborted before: it is unrecorded and still claimed. */
export type Deliver = (delivery: ClaimedDelivery, signal: AbortSignal) => Promise<Passage | undefined>

/** What dispatching needs besides `Deliver`. */
type DispatchingPlatform = Pick<Platform, 'db' | 'log' | 'wake'>

const slots: Slots = { max: 200, slowMax: 100 }
const candidatesMax = 500
/** Disabled webhooks whose attempts are ended in one round. */
const disabledMax = 5
const pollMs = 1_000
const promoteEveryMs = 200
const restAfterFailureMs = 1_000
/** On a stop, attempts in flight may take this long; then they are aborted, and recording may take `recordMs`. */
const graceMs = 2_500
const recordMs = 1_000

interface Dispatcher {
  readonly platform: DispatchingPlatform
  readonly deliver: Deliver
  readonly traffic: Traffic
  readonly held: Map<string, { readonly delivery: ClaimedDelivery; readonly done: Promise<void> }>
  readonly cut: AbortController
  readonly changed: Signal
  cursor: string
  promotedAtMs: number
}

/** Sends due attempts until the signal aborts; then releases those in flight, so that others can send them at once. */
export async function dispatch(platform: DispatchingPlatform, signal: AbortSignal, deliver: Deliver): Promise<void> {
  const dispatcher: Dispatcher = {
    platform,
    deliver,
    traffic: createTraffic(),
    held: new Map(),
    cut: new AbortController(),
    changed: createSignal(signal),
    cursor: nilUuid,
    promotedAtMs: 0,
  }
  const unsubscribe = platform.wake.subscribe('deliveries', dispatcher.changed.raise)
  while (!signal.aborted) {
    dispatcher.changed.lower()
    const restMs = await claimRound(dispatcher).catch((error: unknown) => {
      platform.log.warn({ err: error }, 'Deliveries could not be claimed; the claim will be retried.')
      return restAfterFailureMs
    })
    if (restMs > 0) await dispatcher.changed.wait(restMs)
  }
  unsubscribe()
  await drain(dispatcher)
}

/** Claims as many attempts as there is room for. Returns how long to wait for the next wake-up. */
async function claimRound(dispatcher: Dispatcher): Promise<number> {
  const { platform, traffic } = dispatcher
  const restMs = await promote(dispatcher)
  if (traffic.inFlight >= slots.max) return pollMs
  const candidates = await nextCandidates(dispatcher)
  const hasEnded = await endDisabled(dispatcher, candidates)
  const shares = planClaims(
    candidates.filter(({ enabled, paused }) => enabled && !paused),
    traffic,
    slots,
  )
  const claimed = shares.length === 0 ? [] : await claimShares(platform.db, shares)
  for (const delivery of claimed) begin(dispatcher, delivery)
  // Continue at once only if there may be more candidates; otherwise wait until an attempt in flight has ended.
  return hasEnded || (claimed.length > 0 && candidates.length === candidatesMax) ? 0 : restMs
}

async function endDisabled({ platform }: Dispatcher, candidates: readonly Candidate[]): Promise<boolean> {
  const disabled = candidates.filter(({ enabled }) => !enabled).slice(0, disabledMax)
  for (const { webhookId } of disabled) await endWaitingOf(platform.db, webhookId)
  return disabled.length > 0
}

// Returns how long to wait before the next call. Skipped at frequent wake-ups: attempts do not become due in bursts.
async function promote(dispatcher: Dispatcher): Promise<number> {
  if (performance.now() - dispatcher.promotedAtMs < promoteEveryMs) return promoteEveryMs
  if (await promoteDue(dispatcher.platform.db)) return 0
  dispatcher.promotedAtMs = performance.now()
  return pollMs
}

// If more webhooks wait than one query returns, the next query continues after them.
async function nextCandidates(dispatcher: Dispatcher): Promise<Candidate[]> {
  const { db } = dispatcher.platform
  const ahead = await findCandidates(db, { after: dispatcher.cursor, limit: candidatesMax })
  const seen = new Set(ahead.map(({ webhookId }) => webhookId))
  const isWrapped = dispatcher.cursor !== nilUuid && ahead.length < candidatesMax
  const behind = isWrapped ? await findCandidates(db, { after: nilUuid, limit: candidatesMax - ahead.length }) : []
  const candidates = [...ahead, ...behind.filter(({ webhookId }) => !seen.has(webhookId))]
  dispatcher.cursor = candidates.length < candidatesMax ? nilUuid : (candidates.at(-1)?.webhookId ?? nilUuid)
  return candidates
}

function begin(dispatcher: Dispatcher, delivery: ClaimedDelivery): void {
  const { platform, traffic, held, cut, changed } = dispatcher
  const { webhookId, organizationId } = delivery.event
  const destination = { webhookId, organizationId }
  traffic.begin(destination)
  const done = dispatcher.deliver(delivery, cut.signal).then(
    (passage) => {
      traffic.end(destination, passage)
      if (passage !== undefined) held.delete(delivery.id)
    },
    (error: unknown) => {
      // Its lease expires, and it is sent again.
      platform.log.error({ err: error, deliveryId: delivery.id, webhookId }, 'A delivery could not be recorded.')
      traffic.end(destination, undefined)
      held.delete(delivery.id)
    },
  )
  held.set(delivery.id, { delivery, done: done.then(changed.raise) })
}

async function drain({ platform, held, cut }: Dispatcher): Promise<void> {
  const settled = () => Promise.allSettled([...held.values()].map(({ done }) => done))
  await Promise.race([settled(), sleep(graceMs, undefined, { ref: false })])
  cut.abort()
  await Promise.race([settled(), sleep(recordMs, undefined, { ref: false })])
  await releaseClaims(
    platform.db,
    [...held.values()].map(({ delivery }) => delivery),
  )
}
