import { describe, expect, it } from 'vitest'
import { encodeCursor, hadEnded, parseCursor, parseSeq, parseSnapshot } from './position.ts'

describe('positions', () => {
  it('survive a round trip to a client', () => {
    const position = 9_007_199_254_740_991
    expect(parseCursor(encodeCursor(position))).toBe(position)
  })

  it.each(['', '12', 'p', 'a1', 'p-1', 'P1', 'pA', 'pzzzzzzzzzzz', ' p1', 'p1\n', 'p٣', '1-1'])(
    'refuse %j as a cursor',
    (text) => expect(parseCursor(text)).toBeUndefined(),
  )
  it.each(['', '-1', '1.5', '1e3', 'x', ' 1', '9999999999999999'])('refuse %j as a seq', (text) =>
    expect(parseSeq(text)).toBeUndefined(),
  )
})

describe('snapshots', () => {
  it('tell which transactions had ended', () => {
    const snapshot = parseSnapshot('10:20:10,14')
    expect([9, 10, 11, 14, 19, 20, 21].filter((transaction) => hadEnded(snapshot, transaction))).toEqual([9, 11, 19])
    const quiet = parseSnapshot('10:10:')
    expect([9, 10].filter((transaction) => hadEnded(quiet, transaction))).toEqual([9])
  })
})
