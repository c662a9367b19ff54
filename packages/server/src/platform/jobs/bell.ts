/** Lets a loop wait between its rounds until it is woken. */
export interface Bell {
  /** Ends the current wait or, if there is none, the next one. */
  readonly ring: () => void
  reset(): void
  wait(restMs: number): Promise<void>
}

/** Creates a bell that rings on `ring` and when the signal aborts. */
export function createBell(signal: AbortSignal): Bell {
  let hasRung = false
  let wakeUp: (() => void) | undefined
  const ring = () => {
    hasRung = true
    wakeUp?.()
  }
  signal.addEventListener('abort', ring, { once: true })
  return {
    ring,
    reset: () => void (hasRung = false),
    async wait(restMs) {
      if (hasRung) return
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        wakeUp = resolve
        timer = setTimeout(resolve, restMs)
      })
      clearTimeout(timer)
      wakeUp = undefined
    },
  }
}
