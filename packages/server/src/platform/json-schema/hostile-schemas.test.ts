import { formatNames } from 'ajv-formats/dist/formats.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonSchema } from './json-schema.ts'
import { createSchemaChecks } from './schema-checks.ts'

let checks: ReturnType<typeof createSchemaChecks>
beforeAll(async () => {
  checks = createSchemaChecks()
  // Starts both threads, so that no test measures the start.
  await Promise.all(['one', 'two'].map((owner) => check({ type: 'object' }, {}, owner)))
})
afterAll(() => checks.close())

const check = (schema: JsonSchema, value: unknown, owner = 'one') =>
  checks.check(owner, { schema, value, pointer: '/input' })
const tooSlow = [{ pointer: '/input', code: 'schema-too-slow' }]
const repeat = (count: number, part: unknown) => Array.from({ length: count }, () => part)
const leaf = { $dynamicAnchor: 'a40', type: 'object' }
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

/** How often the event loop turns until the work ends: about once if the work blocks it. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const over = work.finally(() => (isOver = true))
  while (!isOver) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    turns += 1
  }
  await over
  return turns
}

const endless: readonly (readonly [string, JsonSchema, unknown])[] = [
  ['format url with colons', { format: 'url' }, `http://${':'.repeat(200_000)}`],
  ['1,200 times minLength', { allOf: repeat(1_200, { minLength: 1 }) }, 'a'.repeat(1_500_000)],
  ['1,200 times minLength in anyOf', { anyOf: repeat(1_200, { minLength: 2e6 }) }, 'a'.repeat(1_500_000)],
  ['a pattern that backtracks', { pattern: '^(a+)+$' }, `${'a'.repeat(60)}!`],
  ['a name pattern that backtracks', { patternProperties: { '^(a+)+$': {} } }, { [`${'a'.repeat(60)}!`]: 1 }],
  ['uniqueItems of objects', { uniqueItems: true }, numbers(60_000).map((n) => ({ n }))],
  ['$ref that doubles', doubling('$ref'), {}],
  ['$dynamicRef that doubles', doubling('$dynamicRef'), {}],
  ['a large enum for each item', { items: { enum: numbers(8_000).map((n) => ({ n })) } }, repeat(20_000, { n: 7_999 })],
]

describe('a check that would take long', { timeout: 60_000 }, () => {
  it.each(endless)('is aborted and does not block the process: %s', async (_name, schema, value) => {
    const checked = check(schema, value)
    expect(await turnsDuring(checked)).toBeGreaterThan(20)
    expect(await checked).toMatchObject(tooSlow)
    expect(await check({ type: 'object' }, 1)).toMatchObject([{ code: 'type' }])
  })

  it('is aborted when the recursion is infinite', async () => {
    expect(await check({ $ref: '#' }, {})).toMatchObject(tooSlow)
    expect(await check({ $dynamicAnchor: 'a', $dynamicRef: '#a' }, {})).toMatchObject(tooSlow)
  })

  it.each(formatNames)('answers for long values of the format %s', async (format) => {
    const values = ['1', ':', 'a.', '/', '-', '{', '%41', '[', '\\', ' ', '\u{1F600}'].map((part) =>
      part.repeat(20_000),
    )
    for (const value of values) expect(await check({ format }, `http://a${value}!`)).toBeInstanceOf(Array)
  })
})

describe('a schema that takes long to compile', { timeout: 60_000 }, () => {
  it('is refused and does not block the process', async () => {
    const part = { properties: Object.fromEntries(names(600).map((name) => [name, { not: { minLength: 1 } }])) }
    const schema = { allOf: repeat(100, part) }
    const compiled = checks.findMistake('one', schema)
    expect(await turnsDuring(compiled)).toBeGreaterThan(20)
    expect(await compiled).toBe('the schema takes too long')
  })
})

describe('the queue', { timeout: 60_000 }, () => {
  it('gives another organization its turn while one waits with many slow checks', async () => {
    let ended = 0
    const [, schema, value] = endless[3] ?? ['', {}, null]
    const flood = repeat(6, 0).map(() => check(schema, value, 'flood').finally(() => (ended += 1)))
    for (const owner of ['calm', 'quiet', 'calm']) expect(await check({ type: 'object' }, 1, owner)).toHaveLength(1)
    expect(ended).toBeLessThan(4)
    await Promise.allSettled(flood)
  })

  it('refuses checks when too many of the organization wait, and lets one with a signal wait', async () => {
    const signal = new AbortController().signal
    const schema = { type: 'object' }
    const flood = repeat(510, 0).map(() => check(schema, {}, 'another flood'))
    const patient = checks.check('another flood', { schema, value: {}, pointer: '', signal })
    const outcomes = await Promise.allSettled(flood)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(501)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'rate-limited' })
    expect(await patient).toEqual([])
  })
})

function names(count: number): string[] {
  return numbers(count).map((n) => `name${n}`)
}

/** A schema whose check calls the last part 2^40 times. */
function doubling(keyword: '$ref' | '$dynamicRef'): JsonSchema {
  const parts = numbers(40).map((n) => [
    `a${n}`,
    {
      $dynamicAnchor: `a${n}`,
      allOf: repeat(2, { [keyword]: keyword === '$ref' ? `#/$defs/a${n + 1}` : `#a${n + 1}` }),
    },
  ])
  return { [keyword]: keyword === '$ref' ? '#/$defs/a0' : '#a0', $defs: { ...Object.fromEntries(parts), a40: leaf } }
}
