import { describe, expect, it } from 'vitest'
import { findSchemaMistakes } from './io-schema.ts'

const codes = (schema: Record<string, unknown>) =>
  findSchemaMistakes(schema, '/input').map(({ pointer, code }) => `${pointer} ${code}`)

function nested(levels: number, key: string): Record<string, unknown> {
  let schema: Record<string, unknown> = {}
  for (let level = 0; level < levels; level += 1) schema = { [key]: schema }
  return { type: 'object', ...schema }
}

describe('findSchemaMistakes', () => {
  it('accepts object schemas with local references, formats and data that looks like references', () => {
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
    for (const schema of good) expect(codes(schema), JSON.stringify(schema)).toEqual([])
  })

  it('refuses schemas of anything but an object', () => {
    expect(codes({})).toEqual(['/input/type const'])
    expect(codes({ type: ['object', 'null'] })).toEqual(['/input/type const'])
  })

  it('refuses references that would have to be fetched, and reports where they are', () => {
    expect(
      codes({
        type: 'object',
        properties: { 'a/b': { $ref: 'https://x.test/schema.json' }, c: { $dynamicRef: 'other#x' } },
      }),
    ).toEqual(['/input/properties/c/$dynamicRef reference', '/input/properties/a~1b/$ref reference'])
  })

  it('refuses other drafts and asynchronous schemas', () => {
    expect(codes({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' })).toEqual([
      '/input/$schema const',
    ])
    expect(codes({ type: 'object', $async: true })).toEqual(['/input/$async additionalProperties'])
  })

  it('refuses schemas that cannot be compiled', () => {
    const unusable: Record<string, unknown>[] = [
      { type: 'object', properties: { a: { type: 'text' } } },
      { type: 'object', properties: { a: { pattern: '(' } } },
      { type: 'object', properties: { a: { $ref: '#/$defs/missing' } } },
      { type: 'object', required: 'a' },
      { type: 'object', $id: 'https://json-schema.org/draft/2020-12/schema' },
    ]
    for (const schema of unusable) expect(codes(schema), JSON.stringify(schema)).toEqual(['/input schema'])
  })

  it('limits size and depth, including those of data', () => {
    expect(codes({ type: 'object', description: 'x'.repeat(65_000) })).toEqual([])
    expect(codes({ type: 'object', description: 'x'.repeat(66_000) })).toEqual(['/input maxBytes'])
    expect(codes(nested(60, 'not'))).toEqual([])
    expect(codes(nested(70, 'not'))).toEqual(['/input maxDepth'])
    expect(codes(nested(50_000, 'default'))).toEqual(['/input maxDepth'])
  })
})
