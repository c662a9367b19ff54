import { createRandom, type Random } from './random.ts'

/** On `embedded` one node has a database of its own; on `services` two nodes share PostgreSQL and Redis. */
export type Tier = 'embedded' | 'services'

/** Faults of the processes that the server consists of. */
const processFaults = {
  embedded: ['kill-node', 'stop-node', 'kill-database'],
  services: ['kill-node', 'stop-node'],
} as const

/** Faults of everything that the server talks to. */
const surroundingFaults = {
  embedded: [
    'reset-clients',
    'slow-clients',
    'end-sessions',
    'lock-runs',
    'models-down',
    'models-limited',
    'models-cut',
    'receiver-down',
  ],
  services: [
    'reset-clients',
    'slow-clients',
    'end-sessions',
    'lock-runs',
    'models-down',
    'models-limited',
    'models-cut',
    'receiver-down',
    'refuse-database',
    'reset-database',
    'slow-database',
    'swallow-database',
    'refuse-redis',
    'reset-redis',
    'swallow-redis',
  ],
} as const

export type FaultKind = (typeof processFaults)[Tier][number] | (typeof surroundingFaults)[Tier][number]

/** A fault that begins `atMs` after the start and lasts `forMs`; a process stays down for that long. */
export interface Fault {
  readonly kind: FaultKind
  readonly atMs: number
  readonly forMs: number
  /** Chooses a node, as a number to be reduced to the number of nodes. */
  readonly node: number
}

const actionKinds = [
  'start-run',
  'start-run',
  'start-run-of-end-user',
  'upload-and-run',
  'run-schedule',
  'move-fires',
  'move-fires',
  'cancel-run',
  'repeat-request',
] as const

export type ActionKind = (typeof actionKinds)[number] | 'erase-end-user' | 'delete-application'

/** Something that a client does. `choice` selects among what exists then, such as which run is cancelled. */
export interface Action {
  readonly kind: ActionKind
  readonly atMs: number
  readonly tenant: number
  readonly choice: number
  /** Whether the client follows the run that it starts. */
  readonly follows: boolean
}

export interface Plan {
  readonly seed: number
  readonly tier: Tier
  readonly seconds: number
  readonly faults: readonly Fault[]
  readonly actions: readonly Action[]
}

/** Two organizations, the first with a second application, which is deleted. */
export const tenantsCount = 3
/** The tenant whose application is deleted. */
export const doomedTenant = 2
export const endUsersPerTenant = 4
const faultMsMax = 3_000
const actionsPerSecond = 3

/** Everything that happens in a chaos test. The same arguments give the same plan. */
export function makePlan({ seed, tier, seconds }: Pick<Plan, 'seed' | 'tier' | 'seconds'>): Plan {
  const random = createRandom(seed)
  const totalMs = seconds * 1_000
  return {
    seed,
    tier,
    seconds,
    faults: [
      ...planFaults(random, processFaults[tier], { totalMs, restMs: [2_000, 6_000] }),
      ...planFaults(random, surroundingFaults[tier], { totalMs, restMs: [500, 3_000] }),
    ].sort((one, other) => one.atMs - other.atMs),
    actions: planActions(random, totalMs),
  }
}

/** One fault after the other, in rounds that each have every kind once. */
function planFaults(
  random: Random,
  kinds: readonly FaultKind[],
  { totalMs, restMs: [restMin, restMax] }: { readonly totalMs: number; readonly restMs: readonly [number, number] },
): Fault[] {
  const faults: Fault[] = []
  for (let atMs = random.int(500, 2_000), round = random.shuffled(kinds); ; round = random.shuffled(kinds)) {
    for (const kind of round) {
      if (atMs > totalMs) return faults
      const forMs = kind === 'lock-runs' ? faultMsMax : random.int(200, faultMsMax)
      faults.push({ kind, atMs, forMs, node: random.int(0, 1_000) })
      atMs += forMs + random.int(restMin, restMax)
    }
  }
}

function planActions(random: Random, totalMs: number): Action[] {
  const action = (kind: ActionKind, atMs: number, tenant: number): Action => ({
    kind,
    atMs: Math.floor(atMs),
    tenant,
    choice: random.int(0, 1_000_000),
    follows: random.next() < 0.5,
  })
  const actions = Array.from({ length: Math.ceil((totalMs / 1_000) * actionsPerSecond) }, () =>
    action(random.pick(actionKinds), random.next() * totalMs, random.int(0, tenantsCount - 1)),
  )
  for (let tenant = 0; tenant < tenantsCount; tenant += 1)
    for (let erased = 0; erased < endUsersPerTenant / 2; erased += 1)
      actions.push(action('erase-end-user', random.next() * totalMs, tenant))
  actions.push(action('delete-application', totalMs * (0.4 + random.next() * 0.3), doomedTenant))
  return actions.sort((one, other) => one.atMs - other.atMs)
}
