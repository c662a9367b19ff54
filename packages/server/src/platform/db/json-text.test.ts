import { expect, it } from 'vitest'
import { toColumnText, toJsonText } from './json-text.ts'

it.each([
  ['a\0b', 'a\uFFFDb'],
  ['\\\0', '\\\uFFFD'],
  ['\\u0000 written out', '\\u0000 written out'],
  ['\ud800 alone', '\uFFFD alone'],
  ['alone \udc00', 'alone \uFFFD'],
  ['a pair \ud83d\ude00', 'a pair \ud83d\ude00'],
])('%j reaches the database as %j', (text, stored) => {
  expect(JSON.parse(toJsonText({ [text]: [text] }))).toEqual({ [stored]: [stored] })
  expect(toColumnText(text)).toBe(stored)
})
