/** Who sends a request, and what it is worth while there is too much to do. */
export interface Entrant {
  /** The organization; for an unknown sender, the network of its address. */
  readonly owner: string
  /** The sender has been identified before. */
  readonly isKnown: boolean
  /** Creations are refused before everything else, which includes reads, cancels and sign-ins. */
  readonly isCreation: boolean
}

/** The part of the limit that creations can fill. */
const creationsPart = 0.7
/** The part of the limit that unknown senders together can fill: an attacker can have many addresses. */
const unknownPart = 0.5
/** One owner alone fills 8/9 of a limit, so that something is free when another one comes. */
const steepness = 8

/**
 * Decides which requests may start, by how many are in progress. An owner may start another one while it has fewer in
 * progress than a multiple of what is free: the one with the most is refused first, and equal owners get equal shares.
 */
export class Admission {
  readonly #counts = new Map<string, number>()
  #total = 0
  #unknown = 0
  #peak = 0

  /** Requests in progress. */
  get total(): number {
    return this.#total
  }

  /** The most requests that were in progress at a time since the last call. */
  takePeak(): number {
    const peak = this.#peak
    this.#peak = this.#total
    return peak
  }

  /** Starts a request and returns the function that ends it; undefined when it must be refused. */
  enter(entrant: Entrant, limit: number): (() => void) | undefined {
    if (!this.#mayEnter(entrant, limit)) return undefined
    this.#change(entrant, 1)
    this.#peak = Math.max(this.#peak, this.#total)
    let isIn = true
    return () => {
      if (isIn) this.#change(entrant, -1)
      isIn = false
    }
  }

  #mayEnter({ owner, isKnown, isCreation }: Entrant, limit: number): boolean {
    const own = this.#counts.get(owner) ?? 0
    const unknownLimit = isKnown ? Infinity : limit * unknownPart
    // Half of an equal share, whatever others have in progress: together these are half of the limit.
    const guaranteed = Math.max(1, Math.floor(limit / (2 * (this.#counts.size + 1))))
    if (own < guaranteed) return this.#counts.size < limit && this.#unknown < unknownLimit
    const free = Math.min(limit * (isCreation ? creationsPart : 1) - this.#total, unknownLimit - this.#unknown)
    return own < steepness * free
  }

  #change({ owner, isKnown }: Entrant, by: 1 | -1): void {
    const own = (this.#counts.get(owner) ?? 0) + by
    if (own === 0) this.#counts.delete(owner)
    else this.#counts.set(owner, own)
    this.#total += by
    if (!isKnown) this.#unknown += by
  }
}
