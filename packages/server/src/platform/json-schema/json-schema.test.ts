import { expect, it } from 'vitest'
import { checkAgainst, schemaMistake } from './json-schema.ts'

it('reports every mistake with its pointer', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer' }, 'b/c': { enum: ['x'] } },
    required: ['a', 'd'],
    additionalProperties: false,
  }
  const pointers = checkAgainst(schema, { a: 'no', 'b/c': 'y', e: 1 }, '/input').map(({ pointer, code }) => [
    pointer,
    code,
  ])
  expect(pointers).toEqual(
    expect.arrayContaining([
      ['/input/d', 'required'],
      ['/input/e', 'additionalProperties'],
      ['/input/a', 'type'],
      ['/input/b~1c', 'enum'],
    ]),
  )
  expect(checkAgainst(schema, { a: 1, d: 2, 'b/c': 'x' }, '/input')).toEqual([
    { pointer: '/input/d', message: 'must NOT have additional properties', code: 'additionalProperties' },
  ])
})

it('aborts a regular expression that backtracks endlessly', () => {
  const schema = { type: 'string', pattern: '^(a+)+$' }
  expect(checkAgainst(schema, 'aaaa', '')).toEqual([])
  expect(checkAgainst(schema, `${'a'.repeat(60)}!`, '/input')).toMatchObject([
    { pointer: '/input', code: 'schema-too-slow' },
  ])
  expect(checkAgainst(schema, 'b', '')).toMatchObject([{ code: 'pattern' }])
})

it('aborts a schema with infinite recursion', () => {
  expect(checkAgainst({ type: 'object', $ref: '#' }, {}, '')).toMatchObject([{ code: 'schema-too-slow' }])
})

it('aborts references that double with each level', () => {
  const levels = Array.from({ length: 40 }, (_value, n) => [
    `a${n}`,
    { allOf: [{ $ref: `#/$defs/a${n + 1}` }, { $ref: `#/$defs/a${n + 1}` }] },
  ])
  const schema = {
    type: 'object',
    $ref: '#/$defs/a0',
    $defs: { ...Object.fromEntries(levels), a40: { allOf: [{ $ref: '#/$defs/leaf' }] }, leaf: { type: 'object' } },
  }
  expect(schemaMistake(schema)).toBeUndefined()
  expect(checkAgainst(schema, {}, '/input')).toMatchObject([{ code: 'schema-too-slow' }])
})

it('aborts the search for duplicates in a long list', () => {
  const list = Array.from({ length: 100_000 }, (_value, n) => ({ n }))
  expect(checkAgainst({ type: 'array', uniqueItems: true }, list, '/input')).toMatchObject([
    { code: 'schema-too-slow' },
  ])
})

it('compiles a part once, regardless of the number of references', () => {
  const part = {
    properties: Object.fromEntries(
      Array.from({ length: 400 }, (_value, n) => [`p${n}`, { type: 'string', minLength: 1 }]),
    ),
  }
  const properties = Object.fromEntries(Array.from({ length: 300 }, (_value, n) => [`x${n}`, { $ref: '#/$defs/part' }]))
  expect(schemaMistake({ type: 'object', $defs: { part }, properties })).toBeUndefined()
}, 60_000)

it.each([{ type: 'nonsense' }, { $ref: 'https://example.com/schema.json' }, { properties: { a: 5 } }])(
  'says why %j is not a schema',
  (schema) => {
    expect(schemaMistake(schema)).toBeTypeOf('string')
  },
)

it('separates the $ids of different users', () => {
  expect(schemaMistake({ $id: 'https://example.com/a', type: 'string' })).toBeUndefined()
  expect(schemaMistake({ $id: 'https://example.com/a', type: 'number' })).toBeUndefined()
  expect(schemaMistake({ $ref: 'https://example.com/a' })).toBeTypeOf('string')
})
