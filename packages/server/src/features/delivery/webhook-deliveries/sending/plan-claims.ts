import type { Route, Traffic } from './traffic.ts'

/** How many attempts to take for a webhook. */
export interface Share {
  readonly webhookId: string
  readonly count: number
}

/** How much one process has on its way at a time. */
export interface Slots {
  readonly max: number
  /** Of those, for receivers that are not known to answer quickly: the others always find room. */
  readonly slowMax: number
}

/**
 * Shares the free slots out among webhooks that have something to send: the organization with the least on its way is next, and
 * within it the webhook with the least. Nobody gets more than its receiver's room.
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
  /** How many its receiver, then how many its organization has before it. */
  readonly place: number
  /** When its receiver was served last. */
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

// Among those with as much on their way, the one that was served the longest ago.
function byPlace(left: Turn, right: Turn): number {
  return left.place - right.place || left.turn - right.turn
}
