import { describe, expect, it } from 'vitest'
import { openWorld } from '../../../testing/world.ts'
import { canonicalJson } from './hashed-entry.ts'

describe('the canonical JSON of a value', () => {
  it('sorts names at every depth by their code units, and keeps lists in order', () => {
    expect(canonicalJson({ b: [{ z: 1, a: 2 }, 'x'], a: { d: null, c: true } })).toBe(
      '{"a":{"c":true,"d":null},"b":[{"a":2,"z":1},"x"]}',
    )
    // The order of RFC 8785, section 3.2.3.
    const names = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6']
    const sorted = Object.keys(JSON.parse(canonicalJson(Object.fromEntries(names.map((name) => [name, 0])))))
    expect(sorted).toEqual(['1', '\r', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33'])
  })

  it('writes numbers and text as RFC 8785 does', () => {
    expect(canonicalJson([333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001, -0])).toBe(
      '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]',
    )
    expect(canonicalJson('\u20ac$\u000f\nA\'B"\\/')).toBe('"\u20ac$\\u000f\\nA\'B\\"\\\\/"')
  })

  it('writes an absent value as null', () => {
    expect(canonicalJson(undefined)).toBe('null')
    expect(canonicalJson({ a: undefined })).toBe('{"a":null}')
  })

  it('is the same after a round trip through the database, which reorders names and rewrites numbers', async () => {
    const world = await openWorld({ features: [] })
    const value = {
      zeta: 1e21,
      alpha: [1.5, 1e-7, -0, 100],
      'ü€': { nested: 'quote " and \\', empty: {} },
      '10': 1,
      '9': null,
      __proto__x: true,
    }
    const { rows } = await world.platform.database.pool.query<{ value: unknown }>('select $1::jsonb as value', [
      JSON.stringify(value),
    ])
    expect(JSON.stringify(rows[0]?.value)).not.toBe(JSON.stringify(value))
    expect(canonicalJson(rows[0]?.value)).toBe(canonicalJson(value))
    await world.close()
  })
})
