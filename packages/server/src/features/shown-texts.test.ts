import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listOperations } from '../platform/http/api.ts'
import { expectProblem } from '../testing/describe-endpoint.ts'
import { fromOurPage, signUp } from '../testing/factories/session.ts'
import { openWorld, type World } from '../testing/world.ts'
import { features } from './index.ts'

const ajv = new Ajv({ strict: false })
addFormats.default(ajv)

/** Fields of requests that pages and mails show to other people. */
const shown = ['name', 'displayName', 'label', 'title', 'description']
const hiddenTexts = ['a\u202eb', '\u2066a\u2069', 'a\u0007', 'a\u001b[31m', 'a\u2028b', '\u200ba', 'a\ufeff']
const hiddenNames = ['a\nb', 'a\tb', '\r\n', ' ', '\u3000', '\u00a0', '']
const names = ['Ada', ' Ada Lovelace ', 'Größe №5', '李小龙', 'محمد علي', '👩‍🚀 Team', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'a\u200cb']

interface Field {
  readonly where: string
  readonly name: string
  readonly schema: object
}

function fieldsIn(schema: unknown, where: string): Field[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([key, value]) =>
    key !== 'properties' || typeof value !== 'object' || value === null
      ? fieldsIn(value, where)
      : Object.entries<unknown>(value).flatMap(([name, field]) => [
          ...(shown.includes(name) && isText(field) ? [{ where: `${where} ${name}`, name, schema: field }] : []),
          ...fieldsIn(field, where),
        ]),
  )
}

function isText(schema: unknown): schema is object {
  return typeof schema === 'object' && schema !== null && 'type' in schema && [schema.type].flat().includes('string')
}

const fields = listOperations(features).flatMap(({ id, endpoint }) => fieldsIn(endpoint.body, id))

it('finds the fields', () => {
  expect(fields.length).toBeGreaterThan(15)
})

it.each(fields.map((field) => [field.where, field] as const))('%s has no hidden characters', (_, { name, schema }) => {
  const isValid = ajv.compile(schema)
  const refused = name === 'description' ? hiddenTexts : [...hiddenTexts, ...hiddenNames]
  expect(refused.filter((text) => isValid(text))).toEqual([])
})

it.each(fields.map((field) => [field.where, field] as const))('%s takes usual texts', (where, { schema }) => {
  const isValid = ajv.compile(schema)
  // The technical name of an agent is part of its address.
  const usual = where === 'createAgent name' ? ['csv-totals'] : names
  expect(usual.filter((text) => !isValid(text))).toEqual([])
})

describe('the profile of a user', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  it.each([
    ...[
      'javascript:alert(1)',
      'data:image/svg+xml,<svg onload=alert(1)>',
      'http://example.com/a.png',
      '//example.com/a',
    ],
    ...[
      'JavaScript:alert(1)',
      ' javascript:alert(1)',
      'https://example.com/" onerror="x',
      'https:\\example.com',
      'x',
      '',
    ],
  ])('refuses the picture %j', async (image) => {
    const user = await signUp(world)
    expectProblem(undefined, await user.send('POST /api/auth/update-user', { body: { image } }), 'validation-error')
    const body = { name: 'Ada', email: 'picture@example.com', password: 'correct horse battery', image }
    expectProblem(undefined, await fromOurPage(world)('POST /api/auth/sign-up/email', { body }), 'validation-error')
    const { body: session } = await user.send('GET /api/auth/get-session')
    expect(session.user.image ?? null).toBeNull()
  })

  it('takes the https URL of a picture, and removes it', async () => {
    const user = await signUp(world)
    const image = 'https://example.com/ada.png?size=96&v=2'
    const set = (value: string | null) => user.send('POST /api/auth/update-user', { body: { image: value } })
    expect((await set(image)).status).toBe(200)
    expect((await user.send('GET /api/auth/get-session')).body.user.image).toBe(image)
    expect((await set(null)).status).toBe(200)
    expect((await user.send('GET /api/auth/get-session')).body.user.image).toBeNull()
  })
})
