/** A flag that ends the wait of a loop; it stays raised until the loop lowers it. */
export interface Signal {
  /** Ends the current wait, or else the next one. */
  readonly raise: () => void
  lower(): void
  /** Resolves when the signal is raised, at once if it is already, and at the latest after `waitMs`. */
  wait(waitMs: number): Promise<void>
}

/**
 * A lowered signal, which is raised when `abort` aborts. `abort` holds a reference to it until then: pass an
 * AbortSignal with the same lifetime, or signals accumulate.
 */
export function createSignal(abort?: AbortSignal): Signal {
  let isRaised = abort?.aborted ?? false
  let endWait: (() => void) | undefined
  const raise = () => {
    isRaised = true
    endWait?.()
  }
  abort?.addEventListener('abort', raise, { once: true })
  return {
    raise,
    lower: () => void (isRaised = false),
    async wait(waitMs) {
      if (isRaised) return
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        endWait = resolve
        timer = setTimeout(resolve, waitMs)
      })
      clearTimeout(timer)
      endWait = undefined
    },
  }
}
