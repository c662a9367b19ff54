import { limit, type Variable } from '../../../platform/config/variables.ts'
import { limitMax } from './quota.ts'

const after = 'An instance administrator can set another limit for one organization.'

/** The largest number of a rate, and of what is counted at each start of a run. */
export const rateMax = 1_000_000

/** The operator's limit for every organization. `0` allows none, `unlimited` any number. */
export function quota(meaning: string, fallback: number, max = limitMax): Variable<number | null> {
  return limit({ meaning: `${meaning} ${after}`, fallback, max })
}

const rate = limit({ meaning: '', fallback: null, max: rateMax })

/** The rate of runs, which follows from the limit of a caller by default. */
export const runRate: Variable<number | null | 'from-rate-limit'> = {
  ...rate,
  meaning:
    'Runs that one organization may start in a minute, over all its keys, users and schedules. ' +
    `A process without Redis counts for itself. ${after}`,
  defaultText: '3 × `RATE_LIMIT_RUNS`',
  parse: (value) => (value === undefined ? 'from-rate-limit' : rate.parse(value)),
}
