/** Limits how many pieces of work run at the same time, and shares the places between the owners of the work. */
export interface FairSemaphore {
  /**
   * Runs `work` when the owner gets a place. Rejects with the signal's reason if it aborts while `work` waits, with
   * `QueueFull` if too much of the owner's work is waiting already, and with `WaitedTooLong` if it gets no place in
   * time.
   */
  run<T>(owner: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>
  /** Changes the number of places. Work that has started keeps its place; with 0, nothing starts. */
  resize(max: number): void
}

/** The places of a fair semaphore. */
export interface FairPlaces {
  /** Places of all owners together. */
  readonly max: number
  /** Places that one owner can have. Default: all of them. A function is asked whenever a place is given. */
  readonly ownerMax?: number | (() => number)
  /**
   * The last so many free places are only for owners that have none, so that a few owners together cannot take all.
   * Default: 0.
   */
  readonly keptForNew?: number
  /** Pieces of work of one owner that can wait. */
  readonly waitingMax: number
  /** How long a piece of work can wait, in milliseconds. Default: without end. */
  readonly waitMaxMs?: number
}

/** An owner has more work waiting than the semaphore keeps. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull'
}

/** A piece of work got no place for as long as it may wait. */
export class WaitedTooLong extends Error {
  override readonly name = 'WaitedTooLong'
}

interface Owner {
  running: number
  readonly waiting: Set<() => void>
}

/**
 * A semaphore whose free place goes to the waiting owner with the fewest places; between equals, to the one whose work
 * ended longest ago. The work of one owner starts in the order in which it came.
 */
export function createFairSemaphore(places: FairPlaces): FairSemaphore {
  return new Places(places)
}

class Places implements FairSemaphore {
  // The owners with work; last the one whose work ended last.
  readonly #owners = new Map<string, Owner>()
  readonly #places: FairPlaces
  #max: number
  #running = 0

  constructor(places: FairPlaces) {
    this.#places = places
    this.#max = places.max
  }

  async run<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const owner = await this.#acquire(name, signal)
    try {
      return await work()
    } finally {
      this.#release(name, owner)
    }
  }

  resize(max: number): void {
    this.#max = max
    this.#startWaiting()
  }

  #acquire(name: string, signal: AbortSignal | undefined): Promise<Owner> {
    const { waitingMax, waitMaxMs } = this.#places
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const owner = this.#owners.get(name) ?? { running: 0, waiting: new Set() }
      if (owner.waiting.size >= waitingMax) throw new QueueFull(`${waitingMax} are waiting already.`)
      this.#owners.set(name, owner)
      let timer: NodeJS.Timeout | undefined = undefined
      const stopWaiting = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', cancel)
      }
      const start = () => {
        stopWaiting()
        resolve(owner)
      }
      const leave = (reason: Error) => {
        stopWaiting()
        owner.waiting.delete(start)
        if (isIdle(owner)) this.#owners.delete(name)
        reject(reason)
      }
      const cancel = () => leave(signal?.reason instanceof Error ? signal.reason : new Error('Aborted.'))
      owner.waiting.add(start)
      signal?.addEventListener('abort', cancel, { once: true })
      this.#startWaiting()
      // Only work that has to wait needs a timer.
      if (waitMaxMs === undefined || !owner.waiting.has(start)) return
      timer = setTimeout(() => leave(new WaitedTooLong(`No place within ${waitMaxMs} ms.`)), waitMaxMs)
    })
  }

  // More than one may start: the most places of an owner can have grown.
  #startWaiting(): void {
    while (this.#startNext());
  }

  #startNext(): boolean {
    if (this.#running >= this.#max) return false
    const { ownerMax = this.#max, keptForNew = 0 } = this.#places
    const most = typeof ownerMax === 'number' ? ownerMax : ownerMax()
    const isKept = this.#max - this.#running <= keptForNew
    const owner = nextOwner(this.#owners, isKept ? Math.min(1, most) : most)
    const [start] = owner?.waiting ?? []
    if (owner === undefined || start === undefined) return false
    owner.waiting.delete(start)
    owner.running += 1
    this.#running += 1
    start()
    return true
  }

  #release(name: string, owner: Owner): void {
    owner.running -= 1
    this.#running -= 1
    this.#owners.delete(name)
    if (!isIdle(owner)) this.#owners.set(name, owner)
    this.#startWaiting()
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
