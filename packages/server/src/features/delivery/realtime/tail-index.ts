import { keyOf, type Source } from './source.ts'
import type { Tail } from './tail.ts'

/** The running tails, by source and by the detail of a wake-up. */
export class TailIndex {
  readonly #byKey = new Map<string, Tail>()
  readonly #byApplication = new Map<string, Set<Tail>>()

  all(): Iterable<Tail> {
    return this.#byKey.values()
  }

  find(source: Source): Tail | undefined {
    return this.#byKey.get(keyOf(source))
  }

  add(tail: Tail): void {
    const { source } = tail
    this.#byKey.set(keyOf(source), tail)
    if (source.kind === 'run') return
    const siblings = this.#byApplication.get(source.applicationId) ?? new Set()
    this.#byApplication.set(source.applicationId, siblings.add(tail))
  }

  remove(tail: Tail): void {
    const { source } = tail
    if (this.#byKey.get(keyOf(source)) === tail) this.#byKey.delete(keyOf(source))
    const siblings = this.#byApplication.get(source.applicationId)
    siblings?.delete(tail)
    if (siblings?.size === 0) this.#byApplication.delete(source.applicationId)
  }

  /** Wakes the tails of `<application>:<run>`; any other detail, such as `*`, wakes all of them. */
  wake(detail: string): void {
    const [applicationId = '', runId] = detail.split(':')
    if (runId === undefined) return this.#wakeAll()
    this.#byKey.get(`run:${runId}`)?.wake()
    for (const tail of this.#byApplication.get(applicationId) ?? []) tail.wake()
  }

  #wakeAll(): void {
    for (const tail of this.#byKey.values()) tail.wake()
  }
}
