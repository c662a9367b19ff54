import type { Platform } from '../platform.ts'
import type { WakeTopic } from '../wake/wake.ts'

/** Background work of a feature. Every worker process runs every job: exclusive work must take a database lock. */
export interface Job {
  /** Its name in the log, which is also the name of its file: `relay-events` is in `relay-events.job.ts`. */
  readonly name: string
  /** The longest wait between two rounds. */
  readonly everyMs: number
  /** The wake-ups that start a round at once. */
  readonly wakes: readonly WakeTopic[]
  /** One bounded round of work. Returns true if there is more to do at once. */
  run(platform: Platform, signal: AbortSignal): Promise<boolean>
}

/** Declares a job. */
export function job(declaration: Job): Job {
  return declaration
}
