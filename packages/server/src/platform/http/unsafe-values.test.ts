import { describe, expect, it } from 'vitest'
import { findUnsafeValues } from './unsafe-values.ts'

const repeat = (count: number, item: string) => `[${`${item},`.repeat(count)}${item}]`

/** Texts with many values for their size. */
const texts: readonly (readonly [what: string, text: string])[] = [
  ['numbers', repeat(500_000, '0')],
  ['empty texts', repeat(400_000, '""')],
  ['empty objects', repeat(300_000, '{}')],
  ['arrays in arrays', repeat(10_000, '[[[[[[0]]]]]]')],
  ['objects with a field', repeat(100_000, '{"a":0}')],
  ['fields', `{${Array.from({ length: 100_000 }, (_, index) => `"field ${index}":0`).join()}}`],
  ['fields with numbers as names', `{${Array.from({ length: 100_000 }, (_, index) => `"${index * 7}":0`).join()}}`],
]

function quickestMs(work: () => unknown, attempts: number): number {
  let quickest = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const startedMs = performance.now()
    work()
    quickest = Math.min(quickest, performance.now() - startedMs)
  }
  return quickest
}

describe('a walk over a body', () => {
  it.each(texts)('takes about as long as parsing it: %s', (_what, text) => {
    const value: unknown = JSON.parse(text)
    let ratio = Number.POSITIVE_INFINITY
    for (let attempt = 1; attempt <= 5 && ratio > 3; attempt += 1)
      ratio = Math.min(ratio, quickestMs(() => findUnsafeValues(value), 3) / quickestMs(() => void JSON.parse(text), 3))
    expect(ratio).toBeLessThan(3)
  })

  it('finds mistakes in the order of the document, each with its pointer', () => {
    const value: unknown = JSON.parse(
      '{"a":[0,"\\u0000",{"b\\u0000":1e999}],"__proto__":{"c":"\\ud800"},"d/~":["\\ud800"]}',
    )
    expect(findUnsafeValues(value, 'query').map(({ pointer, code }) => `${pointer} ${code}`)).toEqual([
      'query/a/1 characters',
      'query/a/2 fieldName',
      'query/a/2/b\0 finite',
      'query fieldName',
      'query/__proto__/c characters',
      'query/d~1~0/0 characters',
    ])
  })

  it.each([
    ['arrays', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('accepts 100 levels of %s, refuses 101, and ends early at 100,000', (_what, open, close) => {
    const nested = (depth: number): unknown => JSON.parse(`${open.repeat(depth)}0${close.repeat(depth)}`)
    expect(findUnsafeValues(nested(100))).toEqual([])
    expect(findUnsafeValues(nested(101))).toMatchObject([{ code: 'maxDepth' }])
    expect(findUnsafeValues(nested(100_000))).toMatchObject([{ code: 'maxDepth' }])
  })

  it('reports at most 100 mistakes, and cuts long names in their pointers', () => {
    const mistakes = findUnsafeValues({ ['x'.repeat(100_000)]: Array.from({ length: 1_000 }, () => '\0') })
    expect(mistakes).toHaveLength(100)
    expect(JSON.stringify(mistakes).length).toBeLessThan(50_000)
  })
})
