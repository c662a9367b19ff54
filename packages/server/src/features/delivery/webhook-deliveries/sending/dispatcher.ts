import { setTimeout as sleep } from 'node:timers/promises'
import { createSignal, type Signal } from '../../../../platform/concurrency/signal.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { claimShares, listCandidates, promoteDue, releaseClaims, type Candidate } from './claim-store.ts'
import type { ClaimedDelivery } from '../delivery.ts'
import { endWaitingOf } from './end-waiting.ts'
import { planClaims, type Slots } from './plan-claims.ts'
import { createTraffic, type Passage, type Traffic } from './traffic.ts'

/** Sends an attempt and records its outcome. Undefined if it was aborted before: it is unrecorded and still claimed. */
export type Deliver = (
  platform: Platform,
  delivery: ClaimedDelivery,
  signal: AbortSignal,
) => Promise<Passage | undefined>

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
const beforeAll = '00000000-0000-0000-0000-000000000000'

interface State {
  readonly platform: Platform
  readonly deliver: Deliver
  readonly traffic: Traffic
  readonly held: Map<string, { readonly delivery: ClaimedDelivery; readonly done: Promise<void> }>
  readonly cut: AbortController
  readonly changed: Signal
  cursor: string
  promotedAtMs: number
}

/** Sends due attempts until the signal aborts; then releases those in flight, so that others can send them at once. */
export async function dispatch(platform: Platform, signal: AbortSignal, deliver: Deliver): Promise<void> {
  const state: State = {
    platform,
    deliver,
    traffic: createTraffic(),
    held: new Map(),
    cut: new AbortController(),
    changed: createSignal(signal),
    cursor: beforeAll,
    promotedAtMs: 0,
  }
  const unsubscribe = platform.wake.subscribe('deliveries', state.changed.raise)
  while (!signal.aborted) {
    state.changed.lower()
    const restMs = await takeRound(state).catch((error: unknown) => {
      platform.log.warn({ err: error }, 'Deliveries could not be claimed; the claim will be retried.')
      return restAfterFailureMs
    })
    if (restMs > 0) await state.changed.wait(restMs)
  }
  unsubscribe()
  await drain(state)
}

/** Claims as many attempts as there is room for. Returns how long to wait for the next wake-up. */
async function takeRound(state: State): Promise<number> {
  const { platform, traffic } = state
  const restMs = await promote(state)
  if (traffic.inFlight >= slots.max) return pollMs
  const candidates = await nextCandidates(state)
  const hasEnded = await endDisabled(state, candidates)
  const shares = planClaims(
    candidates.filter(({ enabled }) => enabled),
    traffic,
    slots,
  )
  const claimed = shares.length === 0 ? [] : await claimShares(platform.db, shares)
  for (const delivery of claimed) begin(state, delivery)
  // Continue at once only if there may be more candidates; otherwise wait until an attempt in flight has ended.
  return hasEnded || (claimed.length > 0 && candidates.length === candidatesMax) ? 0 : restMs
}

async function endDisabled({ platform }: State, candidates: readonly Candidate[]): Promise<boolean> {
  const disabled = candidates.filter(({ enabled }) => !enabled).slice(0, disabledMax)
  for (const { webhookId } of disabled) await endWaitingOf(platform, webhookId)
  return disabled.length > 0
}

// Returns how long to wait before the next call. Skipped at frequent wake-ups: attempts do not become due in bursts.
async function promote(state: State): Promise<number> {
  if (performance.now() - state.promotedAtMs < promoteEveryMs) return promoteEveryMs
  if (await promoteDue(state.platform.db)) return 0
  state.promotedAtMs = performance.now()
  return pollMs
}

// If more webhooks wait than one query returns, the next query continues after them.
async function nextCandidates(state: State): Promise<Candidate[]> {
  const { db } = state.platform
  const ahead = await listCandidates(db, { after: state.cursor, limit: candidatesMax })
  const seen = new Set(ahead.map(({ webhookId }) => webhookId))
  const isWrapped = state.cursor !== beforeAll && ahead.length < candidatesMax
  const behind = isWrapped ? await listCandidates(db, { after: beforeAll, limit: candidatesMax - ahead.length }) : []
  const candidates = [...ahead, ...behind.filter(({ webhookId }) => !seen.has(webhookId))]
  state.cursor = candidates.length < candidatesMax ? beforeAll : (candidates.at(-1)?.webhookId ?? beforeAll)
  return candidates
}

function begin(state: State, delivery: ClaimedDelivery): void {
  const { platform, traffic, held, cut, changed } = state
  const { webhookId, organizationId } = delivery.event
  const route = { webhookId, organizationId }
  traffic.begin(route)
  const done = state.deliver(platform, delivery, cut.signal).then(
    (passage) => {
      traffic.end(route, passage)
      if (passage !== undefined) held.delete(delivery.id)
    },
    (error: unknown) => {
      // Its lease expires, and it is sent again.
      platform.log.error({ err: error, deliveryId: delivery.id, webhookId }, 'A delivery could not be recorded.')
      traffic.end(route, undefined)
      held.delete(delivery.id)
    },
  )
  held.set(delivery.id, { delivery, done: done.then(changed.raise) })
}

async function drain({ platform, held, cut }: State): Promise<void> {
  const settled = () => Promise.allSettled([...held.values()].map(({ done }) => done))
  await Promise.race([settled(), sleep(graceMs, undefined, { ref: false })])
  cut.abort()
  await Promise.race([settled(), sleep(recordMs, undefined, { ref: false })])
  await releaseClaims(
    platform.db,
    [...held.values()].map(({ delivery }) => delivery),
  )
}
