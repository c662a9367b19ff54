import type { Clock } from '../../../../platform/clock/clock.ts'
import type { CallObserver } from '../../../catalog/models/index.ts'
import type { CallTimes } from '../../runs/index.ts'

/** Measures one model call at a time: each start begins a new measurement. */
export interface CallClock extends CallObserver {
  /** The times of the latest call until now. */
  read(): Pick<CallTimes, 'startedAt' | 'durationMs' | 'firstTokenMs'>
}

/** Durations come from the monotonic clock, so that a change of the system's time does not distort them. */
export function createCallClock(clock: Clock): CallClock {
  let startedAt = clock.now()
  let startedMs = performance.now()
  let firstTokenMs: number | null = null
  const elapsedMs = () => Math.round(performance.now() - startedMs)
  return {
    started() {
      startedAt = clock.now()
      startedMs = performance.now()
      firstTokenMs = null
    },
    receivedToken() {
      firstTokenMs ??= elapsedMs()
    },
    read: () => ({ startedAt: startedAt.toISOString(), durationMs: elapsedMs(), firstTokenMs }),
  }
}
