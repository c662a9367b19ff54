/** What a loop rests on between its rounds. */
export interface Bell {
  /** Ends the rest; without one, the next. */
  readonly ring: () => void
  reset(): void
  wait(restMs: number): Promise<void>
}

/** A bell that rings when it is rung, and when the signal aborts. */
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
