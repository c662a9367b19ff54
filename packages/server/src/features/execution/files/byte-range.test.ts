import { expect, it } from 'vitest'
import { parseRange } from './byte-range.ts'

it.each([
  [undefined, 10, 'all'],
  ['bytes=0-4', 10, { start: 0, end: 4 }],
  ['bytes=5-', 10, { start: 5, end: 9 }],
  ['bytes=-3', 10, { start: 7, end: 9 }],
  ['bytes=-30', 10, { start: 0, end: 9 }],
  ['bytes=9-100', 10, { start: 9, end: 9 }],
  ['BYTES= 1-2 ', 10, { start: 1, end: 2 }],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=-5', 0, 'unsatisfiable'],
  // No single well-formed byte range: the header is ignored (RFC 9110 section 14.2).
  ['bytes=4-2', 10, 'all'],
  ['bytes=-', 10, 'all'],
  ['bytes=0-1,4-5', 10, 'all'],
  ['lines=0-1', 10, 'all'],
  ['bytes=a-b', 10, 'all'],
  ['bytes=0-99999999999999999999', 10, 'all'],
] as const)('%j of %d bytes is %j', (header, sizeBytes, expected) =>
  expect(parseRange(header, sizeBytes)).toEqual(expected),
)
