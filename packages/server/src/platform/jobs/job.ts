import type { Platform } from '../platform.ts'
import type { WakeTopic } from '../wake/wake.ts'

/** Background work of a feature. Every worker process runs every job: what only one may do at a time takes a lock in the database. */
export interface Job {
  /** What the log calls it; in kebab-case its file's name: `relay-events` is in `relay-events.job.ts`. */
  readonly name: string
  /** How long it may rest at most. */
  readonly everyMs: number
  /** Wake-ups after which it runs at once. */
  readonly wakes: readonly WakeTopic[]
  /** One bounded round of work. Answers true when there is more to do at once. */
  run(platform: Platform, signal: AbortSignal): Promise<boolean>
}

/** Declares a job. */
export function job(declaration: Job): Job {
  return declaration
}
