/** How an attempt went, as far as it tells how many more its receiver gets at a time. */
export interface Passage {
  /** `silent`: it never answered. */
  readonly result: 'taken' | 'refused' | 'silent'
  readonly latencyMs: number
}

/** What this process has on its way, and what it knows of its receivers' pace. */
export interface Traffic {
  readonly inFlight: number
  /** On their way to receivers that are not known to answer quickly. */
  readonly slowInFlight: number
  inFlightTo(webhookId: string): number
  inFlightOf(organizationId: string): number
  /** How many more may be sent to it now. */
  roomOf(webhookId: string): number
  /** True when its last answer came quickly. */
  isQuick(webhookId: string): boolean
  /** Grows with each attempt that is begun: who has the lowest was served the longest ago. */
  turnOf(webhookId: string): number
  begin(route: Route): void
  end(route: Route, passage: Passage | undefined): void
}

/** Where an attempt goes. */
export interface Route {
  readonly webhookId: string
  readonly organizationId: string
}

interface Pace {
  inFlight: number
  /** At most so many at a time. */
  window: number
  isQuick: boolean
  turn: number
}

const firstWindow = 2
const windowMax = 10
const quickMs = 3_000

/**
 * A receiver begins with two at a time and gets one more with each quick success, up to ten; silence brings it down to one. So a
 * receiver that hangs holds few slots, even before it is known to hang. Of idle ones, the latest `knownMax` are remembered.
 */
export function createTraffic(knownMax = 10_000): Traffic {
  const paces = new Map<string, Pace>()
  const organizations = new Map<string, number>()
  const total = { inFlight: 0, slow: 0, turns: 0 }
  const paceOf = (webhookId: string): Pace =>
    paces.get(webhookId) ?? { inFlight: 0, window: firstWindow, isQuick: false, turn: 0 }
  const add = ({ webhookId, organizationId }: Route, count: 1 | -1): Pace => {
    const pace = paceOf(webhookId)
    pace.inFlight += count
    total.inFlight += count
    if (!pace.isQuick) total.slow += count
    const ofOrganization = (organizations.get(organizationId) ?? 0) + count
    if (ofOrganization === 0) organizations.delete(organizationId)
    else organizations.set(organizationId, ofOrganization)
    // Moved to the end: the map's order is that of their last use.
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
    begin(route) {
      total.turns += 1
      add(route, 1).turn = total.turns
    },
    end(route, passage) {
      const pace = add(route, -1)
      if (passage !== undefined) total.slow += learn(pace, passage)
      forgetIdle(paces, knownMax)
    },
  }
}

/** Changes the pace after an attempt; returns how many in flight have become slow, negative when they are quick now. */
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
