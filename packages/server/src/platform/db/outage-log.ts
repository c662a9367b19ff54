import type { Log } from '../log/log.ts'
import { databaseFailureOf } from './database-failure.ts'

/** Reports the outages of the database that one piece of background work meets, each once. */
export interface OutageLog {
  /** True if the error is a failure of the database. The first one of an outage is logged as a warning. */
  covers(error: unknown): boolean
  /** The work succeeded again: the outage, if there was one, is over. */
  over(): void
}

/** The log of one piece of background work that is retried until it succeeds. */
export function outageLog(log: Log): OutageLog {
  let isOut = false
  return {
    covers(error) {
      const failure = databaseFailureOf(error)
      if (failure === undefined) return false
      const level = isOut ? 'debug' : 'warn'
      log[level]({ err: error, failure: failure.kind }, 'The database failed; the work will be retried.')
      isOut = true
      return true
    },
    over() {
      if (isOut) log.info('The database works again.')
      isOut = false
    },
  }
}
