/** The result of an attempt, which adapts how many its receiver gets at a time. */
export interface Passage {
  /** `silent`: the receiver did not answer. */
  readonly result: 'taken' | 'refused' | 'silent'
  readonly latencyMs: number
}

/** The attempts that this process has in flight, and the pace of their receivers. */
export interface Traffic {
  readonly inFlight: number
  /** Attempts in flight to receivers that are not known to answer quickly. */
  readonly slowInFlight: number
  inFlightTo(webhookId: string): number
  inFlightOf(organizationId: string): number
  /** How many more attempts may be sent to the webhook now. */
  roomOf(webhookId: string): number
  /** True if its last response was quick. */
  isQuick(webhookId: string): boolean
  /** Grows with each attempt that begins: the webhook with the lowest number was served the longest ago. */
  turnOf(webhookId: string): number
  begin(destination: Destination): void
  end(destination: Destination, passage: Passage | undefined): void
}

/** The destination of an attempt. */
export interface Destination {
  readonly webhookId: string
  readonly organizationId: string
}

interface Pace {
  inFlight: number
  /** The maximum number of attempts at a time. */
  window: number
  isQuick: boolean
  turn: number
}

const firstWindow = 2
const windowMax = 10
const quickMs = 3_000

/**
 * A receiver's window starts at two and grows by one with each quick success, up to ten; a timeout reduces it to one.
 * So a receiver that hangs occupies few slots from the start. Of idle receivers, the latest `knownMax` are remembered.
 */
export function createTraffic(knownMax = 10_000): Traffic {
  const paces = new Map<string, Pace>()
  const organizations = new Map<string, number>()
  const total = { inFlight: 0, slow: 0, turns: 0 }
  const paceOf = (webhookId: string): Pace =>
    paces.get(webhookId) ?? { inFlight: 0, window: firstWindow, isQuick: false, turn: 0 }
  const add = ({ webhookId, organizationId }: Destination, count: 1 | -1): Pace => {
    const pace = paceOf(webhookId)
    pace.inFlight += count
    total.inFlight += count
    if (!pace.isQuick) total.slow += count
    const ofOrganization = (organizations.get(organizationId) ?? 0) + count
    if (ofOrganization === 0) organizations.delete(organizationId)
    else organizations.set(organizationId, ofOrganization)
    // Move it to the end, so that the map is ordered by last use.
    paces.delete(webhookId)
    paces.set(webhookId, pace)
    return pace
  }
  return {
    get inFlight() {
      return total.inFlight
    },
    get slowInFlight() {
      return total.slow
    },
    inFlightTo: (webhookId) => paceOf(webhookId).inFlight,
    inFlightOf: (organizationId) => organizations.get(organizationId) ?? 0,
    roomOf: (webhookId) => Math.max(0, paceOf(webhookId).window - paceOf(webhookId).inFlight),
    isQuick: (webhookId) => paceOf(webhookId).isQuick,
    turnOf: (webhookId) => paceOf(webhookId).turn,
    begin(destination) {
      total.turns += 1
      add(destination, 1).turn = total.turns
    },
    end(destination, passage) {
      const pace = add(destination, -1)
      if (passage !== undefined) total.slow += learn(pace, passage)
      forgetIdle(paces, knownMax)
    },
  }
}

/** Changes the pace after an attempt; returns how many in flight became slow; negative if they became quick. */
function learn(pace: Pace, { result, latencyMs }: Passage): number {
  const isQuick = result !== 'silent' && latencyMs <= quickMs
  if (result === 'silent') pace.window = 1
  else if (result === 'refused') pace.window = Math.max(1, Math.floor(pace.window / 2))
  else if (isQuick) pace.window = Math.min(windowMax, pace.window + 1)
  if (isQuick === pace.isQuick) return 0
  pace.isQuick = isQuick
  return isQuick ? -pace.inFlight : pace.inFlight
}

function forgetIdle(paces: Map<string, Pace>, knownMax: number): void {
  for (const [webhookId, pace] of paces) {
    if (paces.size <= knownMax) return
    if (pace.inFlight === 0) paces.delete(webhookId)
  }
}

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
export function planClaims(candidates: readonly Destination[], traffic: Traffic, slots: Slots): Share[] {
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

interface Turn extends Destination {
  /** Attempts ahead of it: first those of its receiver, then those of its organization. */
  readonly place: number
  /** When its receiver was last served. */
  readonly turn: number
}

function inFairOrder(candidates: readonly Destination[], traffic: Traffic): Turn[] {
  const turns = candidates.flatMap((destination) => turnsOf(destination, traffic))
  const byOrganization = Map.groupBy(turns, ({ organizationId }) => organizationId)
  return [...byOrganization]
    .flatMap(([organizationId, own]) =>
      own.toSorted(byPlace).map((turn, index) => ({ ...turn, place: traffic.inFlightOf(organizationId) + index })),
    )
    .toSorted(byPlace)
}

function turnsOf(destination: Destination, traffic: Traffic): Turn[] {
  const [inFlight, turn] = [traffic.inFlightTo(destination.webhookId), traffic.turnOf(destination.webhookId)]
  return Array.from({ length: traffic.roomOf(destination.webhookId) }, (_, index) => ({
    ...destination,
    place: inFlight + index,
    turn,
  }))
}

// Among equal places, the one that was served the longest ago comes first.
function byPlace(left: Turn, right: Turn): number {
  return left.place - right.place || left.turn - right.turn
}
