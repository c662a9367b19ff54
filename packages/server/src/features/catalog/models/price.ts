import { Decimal } from 'decimal.js'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { TokenUsage } from './calling/step-message.ts'

/** USD per million tokens, as a decimal string. */
const UsdPerMillion = Type.String({ pattern: '^\\d{1,6}(\\.\\d{1,10})?$', examples: ['3', '0.25'] })

/** The price of a million tokens of each kind, as people write it: cache prices default to the input price. */
export const PriceInput = Type.Object({
  input: UsdPerMillion,
  output: UsdPerMillion,
  cacheRead: Type.Optional(UsdPerMillion),
  cacheWrite: Type.Optional(UsdPerMillion),
})
export type PriceInput = Static<typeof PriceInput>

/** The price of a million tokens of each kind, in USD as decimal strings. */
export const Price = Type.Object({
  input: UsdPerMillion,
  output: UsdPerMillion,
  cacheRead: UsdPerMillion,
  cacheWrite: UsdPerMillion,
})
export type Price = Static<typeof Price>

const priceValidator = Compile(Price)

// Wide enough that a sum of four products of any token counts and prices is exact before it is rounded once.
const Exact = Decimal.clone({ precision: 60, rounding: Decimal.ROUND_HALF_UP })
const costDecimalsMax = 10

/** The price with its cache prices filled in. */
export function completePrice({ input, output, cacheRead, cacheWrite }: PriceInput): Price {
  return { input, output, cacheRead: cacheRead ?? input, cacheWrite: cacheWrite ?? input }
}

/** The price in a stored JSON value, null when there is none. Throws an Error when the value is not a price. */
export function parsePrice(value: unknown): Price | null {
  if (value === null) return null
  if (priceValidator.Check(value)) return value
  throw new Error('A stored model price is not a price.')
}

/** What the usage costs in USD: a plain decimal string of at most 10 places, `0` without a price. */
export function costOf(usage: TokenUsage, price: Price | null): string {
  if (price === null) return '0'
  return new Exact(0)
    .plus(new Exact(price.input).times(usage.inputTokens))
    .plus(new Exact(price.output).times(usage.outputTokens))
    .plus(new Exact(price.cacheRead).times(usage.cacheReadTokens))
    .plus(new Exact(price.cacheWrite).times(usage.cacheWriteTokens))
    .div(1_000_000)
    .toDecimalPlaces(costDecimalsMax)
    .toFixed()
}
