import type { Route, Traffic } from './traffic.ts'

/** How many attempts to claim for a webhook. */
export interface Share {
  readonly webhookId: string
  readonly count: number
}

/** How many attempts one process has in flight at a time. */
export interface Slots {
  readonly max: number
  /** Limit for receivers that are not known to be quick; the rest is reserved for quick ones. */
  readonly slowMax: number
}

/**
 * Distributes the free slots among webhooks with ready attempts. The organization with the fewest attempts in flight is
 * next, and within it the webhook with the fewest. No webhook gets more than its receiver's free window.
 */
export function planClaims(candidates: readonly Route[], traffic: Traffic, slots: Slots): Share[] {
  const counts = new Map<string, number>()
  let free = slots.max - traffic.inFlight
  let freeForSlow = slots.slowMax - traffic.slowInFlight
  for (const { webhookId } of inFairOrder(candidates, traffic)) {
    if (free <= 0) break
    const isQuick = traffic.isQuick(webhookId)
    if (!isQuick && freeForSlow <= 0) continue
    free -= 1
    if (!isQuick) freeForSlow -= 1
    counts.set(webhookId, (counts.get(webhookId) ?? 0) + 1)
  }
  return [...counts].map(([webhookId, count]) => ({ webhookId, count }))
}

interface Turn extends Route {
  /** Attempts ahead of it: first those of its receiver, then those of its organization. */
  readonly place: number
  /** When its receiver was last served. */
  readonly turn: number
}

function inFairOrder(candidates: readonly Route[], traffic: Traffic): Turn[] {
  const turns = candidates.flatMap((route) => turnsOf(route, traffic))
  const byOrganization = Map.groupBy(turns, ({ organizationId }) => organizationId)
  return [...byOrganization]
    .flatMap(([organizationId, own]) =>
      own.toSorted(byPlace).map((turn, index) => ({ ...turn, place: traffic.inFlightOf(organizationId) + index })),
    )
    .toSorted(byPlace)
}

function turnsOf(route: Route, traffic: Traffic): Turn[] {
  const [inFlight, turn] = [traffic.inFlightTo(route.webhookId), traffic.turnOf(route.webhookId)]
  return Array.from({ length: traffic.roomOf(route.webhookId) }, (_, index) => ({
    ...route,
    place: inFlight + index,
    turn,
  }))
}

// Among equal places, the one that was served the longest ago comes first.
function byPlace(left: Turn, right: Turn): number {
  return left.place - right.place || left.turn - right.turn
}
