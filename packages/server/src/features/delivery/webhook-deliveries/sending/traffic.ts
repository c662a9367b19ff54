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
  begin(route: Route): void
  end(route: Route, passage: Passage | undefined): void
}

/** The destination of an attempt. */
export interface Route {
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
  const add = ({ webhookId, organizationId }: Route, count: 1 | -1): Pace => {
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
