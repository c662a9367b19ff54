import { expect, test } from 'vitest'
import { cleanText } from './provider-text.ts'

const key = 'Kx7_mnop-fghijklmnop+qrstuv/wxyz12345'

test.each([
  ['its end', key.slice(10)],
  ['its middle', key.slice(9, 17)],
  ['its start, across a sign', key.slice(0, 26)],
  ['capitals', key.toUpperCase()],
  ['small letters', key.slice(3).toLowerCase()],
  ['a URL', encodeURIComponent(key).slice(5)],
  ['Base64', Buffer.from(key).toString('base64')],
  ['Base64 of a pair', Buffer.from(`user:${key}`).toString('base64').slice(8)],
  ['Base64 for URLs', Buffer.from(`ab${key}`).toString('base64url').slice(4)],
  ['hexadecimal', Buffer.from(key).toString('hex')],
  ['twice', key.slice(4) + key.slice(2)],
])('does not show a key as %s', (_, piece) => {
  expect(cleanText(`bad key <${piece}> given`, key)).toBe('bad key <[redacted]> given')
})

test('shows what has only some characters of a key', () => {
  expect(cleanText('İ: fghijkl is not a model', key)).toBe('İ: fghijkl is not a model')
})
