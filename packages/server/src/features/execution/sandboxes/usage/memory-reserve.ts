import { freemem, totalmem } from 'node:os'

const mebibyte = 1024 * 1024
// Freeing the memory of a large process tree takes a moment: until then the next sandbox is not to blame.
const pauseMs = 1_000

/** A running execution, as far as the memory of the machine is concerned. */
export interface MemoryUser {
  /** An estimate of the memory that its end would free, in bytes. */
  measure(): Promise<number>
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
  readonly #users = new Set<MemoryUser>()
  #chosen: MemoryUser | undefined
  #chosenAtMs = -Infinity
  #choosing: Promise<void> | undefined

  constructor(options: MemoryReserveOptions) {
    this.#options = options
  }

  /** Registers an execution until the returned function is called. */
  enter(user: MemoryUser): () => void {
    this.#users.add(user)
    return () => {
      this.#users.delete(user)
    }
  }

  /** Whether this execution must end because memory is short and none uses more. */
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
    const sizes = await Promise.all([...this.#users].map(async (user) => ({ user, bytes: await user.measure() })))
    this.#chosen = sizes.reduce((most, next) => (next.bytes > most.bytes ? next : most)).user
    this.#chosenAtMs = performance.now()
  }
}

/** The memory of this machine: a twentieth of it stays free, from 64 to 512 MiB. */
export const machineMemory = new MemoryReserve({
  availableBytes: freemem,
  reserveBytes: Math.min(512 * mebibyte, Math.max(64 * mebibyte, totalmem() / 20)),
})
