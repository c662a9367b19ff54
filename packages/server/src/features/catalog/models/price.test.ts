import { describe, expect, it } from 'vitest'
import { completePrice, costOf, parsePrice, type Price } from './price.ts'

const free = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

describe('costOf', () => {
  it('adds up the four kinds of tokens exactly', () => {
    const price = { input: '3', output: '15', cacheRead: '0.3', cacheWrite: '3.75' }
    expect(costOf({ inputTokens: 1_000_000, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }, price)).toBe(
      '3',
    )
    expect(costOf({ inputTokens: 123, outputTokens: 45, cacheReadTokens: 6, cacheWriteTokens: 7 }, price)).toBe(
      '0.00107205',
    )
    expect(costOf({ ...free, inputTokens: 1 }, { ...price, input: '0.0001' })).toBe('0.0000000001')
    expect(costOf({ ...free, inputTokens: 1 }, { ...price, input: '0.00005' })).toBe('0.0000000001')
    expect(costOf({ ...free, inputTokens: 1 }, { ...price, input: '0.00004' })).toBe('0')
  })

  it('is 0 without tokens and without a price', () => {
    expect(costOf(free, { input: '3', output: '15', cacheRead: '0.3', cacheWrite: '3.75' })).toBe('0')
    expect(costOf({ ...free, inputTokens: 5_000_000 }, null)).toBe('0')
  })

  it('agrees with integer arithmetic for any tokens and prices', () => {
    const random = generator(20_260_321)
    for (let round = 0; round < 3_000; round += 1) {
      const usage = {
        inputTokens: random.tokens(),
        outputTokens: random.tokens(),
        cacheReadTokens: random.tokens(),
        cacheWriteTokens: random.tokens(),
      }
      const price = {
        input: random.price(),
        output: random.price(),
        cacheRead: random.price(),
        cacheWrite: random.price(),
      }
      expect(costOf(usage, price), JSON.stringify({ usage, price })).toBe(costInIntegers(usage, price))
    }
  })
})

describe('completePrice', () => {
  it('charges cached tokens like input where no cache price is given', () => {
    expect(completePrice({ input: '2', output: '8' })).toEqual({
      input: '2',
      output: '8',
      cacheRead: '2',
      cacheWrite: '2',
    })
    expect(completePrice({ input: '2', output: '8', cacheRead: '0.5' })).toEqual({
      input: '2',
      output: '8',
      cacheRead: '0.5',
      cacheWrite: '2',
    })
  })
})

describe('parsePrice', () => {
  it('accepts stored prices and null, and throws for anything else', () => {
    const price = { input: '2', output: '8', cacheRead: '0.5', cacheWrite: '2' }
    expect(parsePrice(price)).toEqual(price)
    expect(parsePrice(null)).toBeNull()
    for (const broken of [{}, { ...price, input: 2 }, { ...price, input: '-2' }, { ...price, input: '1e3' }, 'free']) {
      expect(() => parsePrice(broken), JSON.stringify(broken)).toThrow('not a price')
    }
  })
})

/** The same sum in units of 1e-16 USD (10 decimals of a price, tokens in millionths), rounded half up to 1e-10. */
function costInIntegers(usage: Record<string, number>, price: Price): string {
  const scaled = (text: string) => {
    const [whole = '0', places = ''] = text.split('.')
    return BigInt(whole + places.padEnd(10, '0'))
  }
  const tokens = (name: string) => BigInt(usage[name] ?? 0)
  const exact =
    tokens('inputTokens') * scaled(price.input) +
    tokens('outputTokens') * scaled(price.output) +
    tokens('cacheReadTokens') * scaled(price.cacheRead) +
    tokens('cacheWriteTokens') * scaled(price.cacheWrite)
  const rounded = (exact + 500_000n) / 1_000_000n
  const digits = rounded.toString().padStart(11, '0')
  const places = digits.slice(-10).replace(/0+$/, '')
  return places === '' ? digits.slice(0, -10) : `${digits.slice(0, -10)}.${places}`
}

/** Reproducible random tokens and prices of all sizes (mulberry32). */
function generator(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const whole = (digitsMax: number) => Math.floor(next() * 10 ** Math.ceil(next() * digitsMax))
  return {
    tokens: () => (next() < 0.2 ? 0 : whole(13)),
    price() {
      const places = Math.floor(next() * 11)
      const fraction = Array.from({ length: places }, () => Math.floor(next() * 10)).join('')
      return places === 0 ? `${whole(6)}` : `${whole(6)}.${fraction}`
    },
  }
}
