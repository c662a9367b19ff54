/** The reason of a run's aborted signal. */
export class RunStopped extends Error {
  override readonly name = 'RunStopped'
  readonly why: 'timeout' | 'taken-over' | 'release' | 'handover'

  constructor(why: RunStopped['why']) {
    super(`The run was stopped: ${why}.`)
    this.why = why
  }
}

/** An attempt's hold of a slot of its worker, as the run sees it. */
export interface Turn {
  /** Aborts when the attempt must stop; the reason is a RunStopped. */
  readonly signal: AbortSignal
  /** Milliseconds until the run's timeout; 0 when it has passed. */
  remainingMs(): number
  /** To be called between two steps. Throws the reason of the signal when the attempt must stop. */
  atBoundary(): void
  /** The run waits for something outside the server from now on, such as the next part of its model's answer. */
  waits(): void
  /** The run calls its model from now on, and waits. The call can be stopped and made again. */
  calls(): void
  /** The wait, or the call, has ended. */
  works(): void
}

/** The same as the worker sees it. */
export interface WatchedTurn extends Turn {
  /** Milliseconds since the attempt got its slot. */
  heldMs(): number
  /** Milliseconds for which the run has been waiting; 0 when it works. */
  waitedMs(): number
  /** For how long the run has been calling its model; 0 when it does something else. */
  calledMs(): number
  stop(why: RunStopped['why']): void
  /** Clears the timer of the timeout. */
  end(): void
}

/**
 * A turn that starts now. `isOwed` returns whether the slot must be handed over; it is called at each boundary after
 * the first step of the attempt.
 */
export function startTurn(timeLeftMs: number, isOwed: () => boolean): WatchedTurn {
  const controller = new AbortController()
  const startedMs = performance.now()
  const stop = (why: RunStopped['why']) => controller.abort(new RunStopped(why))
  const timer = setTimeout(stop, Math.max(0, timeLeftMs), 'timeout')
  let waitsSinceMs: number | undefined
  let callsSinceMs: number | undefined
  let boundaries = 0
  return {
    signal: controller.signal,
    remainingMs: () => Math.max(0, startedMs + timeLeftMs - performance.now()),
    atBoundary() {
      boundaries += 1
      if (boundaries > 1 && !controller.signal.aborted && isOwed()) stop('handover')
      controller.signal.throwIfAborted()
    },
    waits: () => void (waitsSinceMs = performance.now()),
    calls: () => void (callsSinceMs = waitsSinceMs = performance.now()),
    works: () => void (callsSinceMs = waitsSinceMs = undefined),
    heldMs: () => performance.now() - startedMs,
    waitedMs: () => msSince(waitsSinceMs),
    calledMs: () => msSince(callsSinceMs),
    stop,
    end: () => clearTimeout(timer),
  }
}

function msSince(startMs: number | undefined): number {
  return startMs === undefined ? 0 : performance.now() - startMs
}
