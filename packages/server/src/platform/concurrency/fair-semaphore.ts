/** Limits how many pieces of work run at the same time, and shares the places between the owners of the work. */
export interface FairSemaphore {
  /**
   * Runs `work` when the owner gets a place. Rejects with the signal's reason if it aborts while `work` waits, and with
   * `QueueFull` if too much of the owner's work is waiting already.
   */
  run<T>(owner: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>
}

/** The places of a fair semaphore. */
export interface FairPlaces {
  /** Places of all owners together. */
  readonly max: number
  /** Places that one owner can have. Default: all of them. */
  readonly ownerMax?: number
  /** Pieces of work of one owner that can wait. */
  readonly waitingMax: number
}

/** An owner has more work waiting than the semaphore keeps. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull'
}

interface Owner {
  running: number
  readonly waiting: Set<() => void>
}

/**
 * A semaphore whose free place goes to the waiting owner with the fewest places; between equals, to the one whose work
 * ended longest ago. The work of one owner starts in the order in which it came.
 */
export function createFairSemaphore({ max, ownerMax = max, waitingMax }: FairPlaces): FairSemaphore {
  // The owners with work; last the one whose work ended last.
  const owners = new Map<string, Owner>()
  let running = 0

  const startNext = () => {
    const owner = running < max ? nextOwner(owners, ownerMax) : undefined
    const [start] = owner?.waiting ?? []
    if (owner === undefined || start === undefined) return
    owner.waiting.delete(start)
    owner.running += 1
    running += 1
    start()
  }
  const release = (name: string, owner: Owner) => {
    owner.running -= 1
    running -= 1
    owners.delete(name)
    if (!isIdle(owner)) owners.set(name, owner)
    startNext()
  }
  const acquire = (name: string, signal: AbortSignal | undefined) =>
    new Promise<Owner>((resolve, reject) => {
      signal?.throwIfAborted()
      const owner = owners.get(name) ?? { running: 0, waiting: new Set() }
      if (owner.waiting.size >= waitingMax) throw new QueueFull(`${waitingMax} are waiting already.`)
      owners.set(name, owner)
      const start = () => {
        signal?.removeEventListener('abort', cancel)
        resolve(owner)
      }
      const cancel = () => {
        owner.waiting.delete(start)
        if (isIdle(owner)) owners.delete(name)
        reject(signal?.reason instanceof Error ? signal.reason : new Error('Aborted.'))
      }
      owner.waiting.add(start)
      signal?.addEventListener('abort', cancel, { once: true })
      startNext()
    })
  return {
    async run(name, work, signal) {
      const owner = await acquire(name, signal)
      try {
        return await work()
      } finally {
        release(name, owner)
      }
    },
  }
}

const isIdle = ({ running, waiting }: Owner) => running === 0 && waiting.size === 0

function nextOwner(owners: ReadonlyMap<string, Owner>, ownerMax: number): Owner | undefined {
  let best: Owner | undefined
  for (const owner of owners.values()) {
    if (owner.waiting.size > 0 && owner.running < (best?.running ?? ownerMax)) best = owner
  }
  return best
}
