import { expect, test } from 'vitest'
import { jsonDepthMax, jsonShapeOf, parseCallArguments } from './json-shape.ts'

test.each([
  ['', 0, 0],
  ['{"a":[1,2,{"b":"c"}],"d":[]}', 3, 3],
  [String.raw`{"a":"[[[,\"[[,","b\\":{}}`, 2, 1],
  [String.raw`["\\\\\"[",[]]`, 2, 1],
  ['["[[[', 1, 0],
])('the shape of %s has %i levels and %i commas', (text, depth, commas) => {
  expect(jsonShapeOf(text)).toEqual({ depth, commas })
})

test('arguments are an object of a limited depth', () => {
  const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
  expect(parseCallArguments(' ')).toEqual({})
  expect(parseCallArguments('{"a":1}')).toEqual({ a: 1 })
  for (const text of ['[]', '1', 'null', '{', nested(jsonDepthMax + 1), nested(100_000)])
    expect(parseCallArguments(text)).toBeUndefined()
  expect(parseCallArguments(nested(jsonDepthMax))).toBeDefined()
})
