import { Type, type Static } from 'typebox'
import type { Config } from '../../../platform/config/config.ts'
import { limitClasses, type LimitClass } from '../../../platform/http/rate-limit.ts'
import { Nullable } from '../../../platform/http/wire.ts'
import type { InvalidPart } from '../../../platform/problems/problem.ts'

/** A key's own limits in requests per minute, by class; the operator's numbers apply to the others. */
export type KeyLimits = Readonly<Partial<Record<LimitClass, number>>>

const meanings: Readonly<Record<LimitClass, string>> = {
  runs: 'Starting runs.',
  import: 'Importing packages.',
  create: 'Creating resources.',
  default: 'Everything else.',
}

const limitField = (limitClass: LimitClass) =>
  Nullable(
    Type.Integer({
      minimum: 1,
      description: `${meanings[limitClass]} Requests per minute and route; null: the number of the server.`,
    }),
  )

const fields = {
  runs: limitField('runs'),
  import: limitField('import'),
  create: limitField('create'),
  default: limitField('default'),
}

export const KeyLimitsWire = Type.Object(fields, { description: 'Limits of this key alone.' })

export const limitsField = Type.Partial(Type.Object(fields), {
  description:
    'Limits of this key alone, at most `RATE_LIMIT_KEY_FACTOR` times the numbers of the server. ' +
    'An absent limit stays as it is.',
})
export type LimitsField = Static<typeof limitsField>

/** The limits of a key after a request has set some of them. */
export function withLimits(limits: KeyLimits, set: LimitsField | undefined): KeyLimits {
  const entries = limitClasses.flatMap((limitClass) => {
    const limit = set?.[limitClass] === undefined ? limits[limitClass] : set[limitClass]
    return typeof limit === 'number' ? [[limitClass, limit] as const] : []
  })
  return Object.fromEntries(entries)
}

export function toKeyLimitsWire(limits: KeyLimits): Static<typeof KeyLimitsWire> {
  const { runs = null, import: imports = null, create = null, default: others = null } = limits
  return { runs, import: imports, create, default: others }
}

/** Reads stored limits. Ignores what this program never writes. */
export function parseKeyLimits(stored: unknown): KeyLimits {
  const entries = Object.entries(typeof stored === 'object' && stored !== null ? stored : {})
  return Object.fromEntries(
    limitClasses.flatMap((limitClass) => {
      const limit: unknown = entries.find(([name]) => name === limitClass)?.[1]
      return typeof limit === 'number' ? [[limitClass, limit] as const] : []
    }),
  )
}

/** One mistake for each limit above what the operator allows. */
export function findLimitMistakes(set: LimitsField | undefined, config: Config): InvalidPart[] {
  const numbers: Readonly<Record<LimitClass, number>> = {
    runs: config.RATE_LIMIT_RUNS,
    import: config.RATE_LIMIT_IMPORT,
    create: config.RATE_LIMIT_CREATE,
    default: config.RATE_LIMIT_DEFAULT,
  }
  return limitClasses.flatMap((limitClass) => {
    const limit = set?.[limitClass]
    const max = numbers[limitClass] * config.RATE_LIMIT_KEY_FACTOR
    if (typeof limit !== 'number' || limit <= max) return []
    const message = `must be at most ${max}, which is what the operator of this server allows`
    return [{ pointer: `/limits/${limitClass}`, message, code: 'maximum' }]
  })
}
