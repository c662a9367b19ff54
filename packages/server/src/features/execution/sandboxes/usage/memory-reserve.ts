import { freemem, totalmem } from 'node:os'

const mebibyte = 1024 * 1024
// Freeing the memory of a large process tree takes a moment: until then the next sandbox is not to blame.
const pauseMs = 1_000

export interface MemoryUse {
  /** The memory that its end would free, as far as it can be measured. */
  readonly bytes: number
  /** The time that the kernel has worked for it, in clock ticks. */
  readonly systemTicks: number
}

/** A running execution, as far as the memory of the machine is concerned. */
export interface MemoryUser {
  measure(): Promise<MemoryUse>
}

export interface MemoryReserveOptions {
  /** The memory that programs can still get without swapping, in bytes. */
  readonly availableBytes: () => number
  /** Below this, a sandbox is ended. */
  readonly reserveBytes: number
}

/**
 * Chooses the sandbox that ends when the machine runs out of memory, before the kernel ends the server. It also counts
 * what no limit of a single execution counts, such as the kernel's buffers.
 */
export class MemoryReserve {
  readonly #options: MemoryReserveOptions
  /** Each with the memory that was available when it started. */
  readonly #users = new Map<MemoryUser, number>()
  #chosen: MemoryUser | undefined
  #chosenAtMs = -Infinity
  #choosing: Promise<void> | undefined

  constructor(options: MemoryReserveOptions) {
    this.#options = options
  }

  /** Registers an execution until the returned function is called. */
  enter(user: MemoryUser): () => void {
    this.#users.set(user, this.#options.availableBytes())
    return () => {
      this.#users.delete(user)
    }
  }

  /** Whether this execution must end because memory is short and it is the most likely cause. */
  async mustEnd(user: MemoryUser): Promise<boolean> {
    if (this.#options.availableBytes() >= this.#options.reserveBytes) return false
    if (performance.now() - this.#chosenAtMs >= pauseMs) {
      this.#choosing ??= this.#choose().finally(() => {
        this.#choosing = undefined
      })
      await this.#choosing
    }
    return this.#chosen === user
  }

  async #choose(): Promise<void> {
    const uses = await Promise.all([...this.#users.keys()].map(async (user) => ({ user, ...(await user.measure()) })))
    const lost = Math.max(...this.#users.values()) - this.#options.availableBytes()
    this.#chosen = findLargest(uses, lost)?.user
    this.#chosenAtMs = performance.now()
  }
}

/**
 * The most likely cause of a loss of memory. What the measured uses do not explain, such as buffers and locks in the
 * kernel, is shared out by the time that the kernel has worked for each: it holds nothing that nobody has asked for.
 */
function findLargest<T extends MemoryUse>(uses: readonly T[], lostBytes: number): T | undefined {
  const measured = uses.reduce((sum, { bytes }) => sum + bytes, 0)
  const ticks = uses.reduce((sum, { systemTicks }) => sum + systemTicks, 0)
  const perTick = Math.max(0, lostBytes - measured) / Math.max(1, ticks)
  const sizeOf = ({ bytes, systemTicks }: MemoryUse) => bytes + perTick * systemTicks
  return uses.reduce<T | undefined>((most, next) => (most && sizeOf(most) >= sizeOf(next) ? most : next), undefined)
}

/** The memory of this machine: a twentieth of it stays free, from 64 to 512 MiB. */
export const machineMemory = new MemoryReserve({
  availableBytes: freemem,
  reserveBytes: Math.min(512 * mebibyte, Math.max(64 * mebibyte, totalmem() / 20)),
})
