import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JsonSchema } from './json-schema.ts'
import { createSchemaChecks } from './schema-checks.ts'

let checks: ReturnType<typeof createSchemaChecks>
beforeAll(() => {
  checks = createSchemaChecks()
})
afterAll(() => checks.close())

const checkAgainst = (schema: JsonSchema, value: unknown, pointer: string) =>
  checks.check('one', { schema, value, pointer })
const schemaMistake = (schema: JsonSchema) => checks.findMistake('one', schema)

it('reports every mistake with its pointer', async () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer' }, 'b/c': { enum: ['x'] } },
    required: ['a', 'd'],
    additionalProperties: false,
  }
  const mistakes = await checkAgainst(schema, { a: 'no', 'b/c': 'y', e: 1 }, '/input')
  const pointers = mistakes.map(({ pointer, code }) => [pointer, code])
  expect(pointers).toEqual(
    expect.arrayContaining([
      ['/input/d', 'required'],
      ['/input/e', 'additionalProperties'],
      ['/input/a', 'type'],
      ['/input/b~1c', 'enum'],
    ]),
  )
  expect(await checkAgainst(schema, { a: 1, d: 2, 'b/c': 'x' }, '/input')).toEqual([
    { pointer: '/input/d', message: 'must NOT have additional properties', code: 'additionalProperties' },
  ])
})

it('aborts a regular expression that backtracks endlessly', async () => {
  const schema = { type: 'string', pattern: '^(a+)+$' }
  expect(await checkAgainst(schema, 'aaaa', '')).toEqual([])
  expect(await checkAgainst(schema, `${'a'.repeat(60)}!`, '/input')).toMatchObject([
    { pointer: '/input', code: 'schema-too-slow' },
  ])
  expect(await checkAgainst(schema, 'b', '')).toMatchObject([{ code: 'pattern' }])
})

it('aborts a schema with infinite recursion', async () => {
  expect(await checkAgainst({ type: 'object', $ref: '#' }, {}, '')).toMatchObject([{ code: 'schema-too-slow' }])
})

it('aborts references that double with each level', async () => {
  const levels = Array.from({ length: 40 }, (_value, n) => [
    `a${n}`,
    { allOf: [{ $ref: `#/$defs/a${n + 1}` }, { $ref: `#/$defs/a${n + 1}` }] },
  ])
  const schema = {
    type: 'object',
    $ref: '#/$defs/a0',
    $defs: { ...Object.fromEntries(levels), a40: { allOf: [{ $ref: '#/$defs/leaf' }] }, leaf: { type: 'object' } },
  }
  expect(await schemaMistake(schema)).toBeUndefined()
  expect(await checkAgainst(schema, {}, '/input')).toMatchObject([{ code: 'schema-too-slow' }])
})

it('aborts the search for duplicates in a long list', async () => {
  const list = Array.from({ length: 100_000 }, (_value, n) => ({ n }))
  expect(await checkAgainst({ type: 'array', uniqueItems: true }, list, '/input')).toMatchObject([
    { code: 'schema-too-slow' },
  ])
})

it('compiles a part once, regardless of the number of references', async () => {
  const part = {
    properties: Object.fromEntries(
      Array.from({ length: 400 }, (_value, n) => [`p${n}`, { type: 'string', minLength: 1 }]),
    ),
  }
  const properties = Object.fromEntries(Array.from({ length: 300 }, (_value, n) => [`x${n}`, { $ref: '#/$defs/part' }]))
  expect(await schemaMistake({ type: 'object', $defs: { part }, properties })).toBeUndefined()
}, 60_000)

it.each([{ type: 'nonsense' }, { $ref: 'https://example.com/schema.json' }, { properties: { a: 5 } }])(
  'says why %j is not a schema',
  async (schema) => {
    expect(await schemaMistake(schema)).toBeTypeOf('string')
  },
)

it('separates the $ids of different users', async () => {
  expect(await schemaMistake({ $id: 'https://example.com/a', type: 'string' })).toBeUndefined()
  expect(await schemaMistake({ $id: 'https://example.com/a', type: 'number' })).toBeUndefined()
  expect(await schemaMistake({ $ref: 'https://example.com/a' })).toBeTypeOf('string')
})
