import { describe, expect, it } from 'vitest'
import { encodeCursor, hadEnded, isAfter, parseCursor, parseSeq, parseSnapshot } from './position.ts'

describe('positions', () => {
  it('are ordered by transaction, then by position', () => {
    expect(isAfter({ transaction: 2, position: 1 }, { transaction: 1, position: 9 })).toBe(true)
    expect(isAfter({ transaction: 1, position: 2 }, { transaction: 1, position: 1 })).toBe(true)
    expect(isAfter({ transaction: 1, position: 1 }, { transaction: 1, position: 1 })).toBe(false)
    expect(isAfter({ transaction: 1, position: 9 }, { transaction: 2, position: 1 })).toBe(false)
  })

  it('survive a round trip to a client', () => {
    const position = { transaction: 4_294_967_299, position: 9_007_199_254_740_991 }
    expect(parseCursor(encodeCursor(position))).toEqual(position)
  })

  it.each(['', '12', 'a-', '-a', 'a-b-c', 'A-B', '1-zzzzzzzzzzz', ' 1-1', '1-1\n', '٣-1'])(
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
