import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import { listOperations } from '../platform/http/api.ts'
import { findGrowth } from '../testing/growth.ts'
import { features } from './index.ts'

const ajv = new Ajv({ strict: false })
addFormats.default(ajv)

/** Every `pattern` and `format` of the bodies and queries that a client may send. */
function rulesIn(schema: unknown, found = new Map<string, object>()): Map<string, object> {
  if (typeof schema !== 'object' || schema === null) return found
  for (const [keyword, value] of Object.entries(schema)) {
    if ((keyword === 'pattern' || keyword === 'format') && typeof value === 'string')
      found.set(`${keyword} ${value}`, { type: 'string', [keyword]: value })
    else rulesIn(value, found)
  }
  return found
}

const rules = new Map<string, object>()
for (const { endpoint } of listOperations(features)) {
  rulesIn(endpoint.body, rules)
  rulesIn(endpoint.query, rules)
}

const pieces = [
  'a',
  'A',
  '0',
  ' ',
  '-',
  '.',
  'a.',
  'a-',
  '0-',
  '00:',
  '@',
  'a@',
  '_',
  '/',
  ':',
  '*',
  '\\',
  '!',
  'é',
  '\n',
]
const ends = ['', '!', '\n', ' ', '@', 'x']

describe('a pattern or format of a request takes linear time', () => {
  it.each([...rules])('%s', async (_name, schema) => {
    const validate = ajv.compile(schema)
    const findings: string[] = []
    for (const piece of pieces)
      for (const end of ends) {
        const growth = await findGrowth(16_000, (size) => validate(piece.repeat(size / piece.length) + end))
        if (growth !== undefined) findings.push(`${JSON.stringify(piece)} … ${JSON.stringify(end)}: ${growth}`)
      }
    expect(findings).toEqual([])
  })
})
