import { afterAll, describe, expect, it } from 'vitest'
import { createSchemaChecks } from '../../../platform/json-schema/schema-checks.ts'
import { findSchemaMistakes } from './io-schema.ts'

const checks = createSchemaChecks()
afterAll(() => checks.close())

const codes = async (schema: Record<string, unknown>) => {
  const mistakes = await findSchemaMistakes({ checks, organizationId: 'one' }, schema, '/input')
  return mistakes.map(({ pointer, code }) => `${pointer} ${code}`)
}

function nested(levels: number, key: string): Record<string, unknown> {
  let schema: Record<string, unknown> = {}
  for (let level = 0; level < levels; level += 1) schema = { [key]: schema }
  return { type: 'object', ...schema }
}

describe('findSchemaMistakes', () => {
  it('accepts object schemas with local references, formats and data that looks like references', async () => {
    const good = [
      { type: 'object' },
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        properties: { a: { $ref: '#/$defs/a' } },
        $defs: { a: { type: 'string', format: 'email' } },
      },
      { type: 'object', properties: { children: { type: 'array', items: { $ref: '#' } } } },
      {
        type: 'object',
        default: { $ref: 'https://x.test/' },
        properties: { $ref: { type: 'string' }, $async: { type: 'boolean' } },
      },
      {
        type: 'object',
        required: ['a'],
        additionalProperties: false,
        properties: { a: { type: 'string', pattern: '^a+$' } },
        'x-ours': 1,
      },
    ]
    for (const schema of good) expect(await codes(schema), JSON.stringify(schema)).toEqual([])
  })

  it('refuses schemas of anything but an object', async () => {
    expect(await codes({})).toEqual(['/input/type const'])
    expect(await codes({ type: ['object', 'null'] })).toEqual(['/input/type const'])
  })

  it('refuses references that would have to be fetched, and reports where they are', async () => {
    expect(
      await codes({
        type: 'object',
        properties: { 'a/b': { $ref: 'https://x.test/schema.json' }, c: { $dynamicRef: 'other#x' } },
      }),
    ).toEqual(['/input/properties/c/$dynamicRef reference', '/input/properties/a~1b/$ref reference'])
  })

  it('refuses other drafts and asynchronous schemas', async () => {
    expect(await codes({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' })).toEqual([
      '/input/$schema const',
    ])
    expect(await codes({ type: 'object', $async: true })).toEqual(['/input/$async additionalProperties'])
  })

  it('refuses schemas that cannot be compiled', async () => {
    const unusable: Record<string, unknown>[] = [
      { type: 'object', properties: { a: { type: 'text' } } },
      { type: 'object', properties: { a: { pattern: '(' } } },
      { type: 'object', properties: { a: { $ref: '#/$defs/missing' } } },
      { type: 'object', required: 'a' },
      { type: 'object', $id: 'https://json-schema.org/draft/2020-12/schema' },
    ]
    for (const schema of unusable) expect(await codes(schema), JSON.stringify(schema)).toEqual(['/input schema'])
  })

  it('limits size and depth, including those of data', async () => {
    expect(await codes({ type: 'object', description: 'x'.repeat(65_000) })).toEqual([])
    expect(await codes({ type: 'object', description: 'x'.repeat(66_000) })).toEqual(['/input maxBytes'])
    expect(await codes(nested(60, 'not'))).toEqual([])
    expect(await codes(nested(70, 'not'))).toEqual(['/input maxDepth'])
    expect(await codes(nested(50_000, 'default'))).toEqual(['/input maxDepth'])
  })

  it('does not search a schema that is too large', async () => {
    const references = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`p${n}`, { $ref: 'other' }]))
    // With a pointer of 100 kB for each of 20,000 mistakes, the reply would have 2 GB.
    const hostile = { type: 'object', ['x'.repeat(100_000)]: references }
    expect(await codes(hostile)).toEqual(['/input maxBytes'])
  })

  it('shortens the pointers of mistakes below long names', async () => {
    const references = Array.from({ length: 600 }, () => ({ $ref: 'x' }))
    const found = await codes({ type: 'object', properties: { ['k'.repeat(30_000)]: { allOf: references } } })
    expect(found).toEqual(Array(100).fill('/input/properties reference'))
  })

  it('reports at most 100 mistakes', async () => {
    const references = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`p${n}`, { $ref: 'other' }]))
    expect(await codes({ type: 'object', properties: references })).toHaveLength(100)
  })
})
