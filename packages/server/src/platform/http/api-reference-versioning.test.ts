import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { newWireId } from '../ids/id.ts'
import { createVersionRegistry, type WireValue } from '../api-versions/api-version.ts'
import { makeToys } from './testing/toys.ts'

const Named = Type.Object({ name: Type.String() }, { additionalProperties: true })
const Titled = Type.Object({ title: Type.String() }, { additionalProperties: true })
const Labelled = Type.Object({ label: Type.Object({ text: Type.String() }) }, { additionalProperties: true })

// 2024: {label: {text}} → 2025: {title} → 2026: {name}
const versions = createVersionRegistry([
  { date: '2026-03-21', changes: [] },
  {
    date: '2025-05-05',
    deprecatedAt: new Date('2026-03-21T00:00:00Z'),
    changes: [
      {
        appliesTo: 'createToy',
        upgradeRequest: (body) => renamed(body, Titled, ({ title, ...rest }) => ({ ...rest, name: title })),
        downgradeReply: (body) => renamed(body, Named, ({ name, ...rest }) => ({ ...rest, title: name })),
      },
      { appliesTo: 'runToy', downgradeReply: () => ({ shape: 'of 2025' }) },
    ],
  },
  {
    date: '2024-01-01',
    deprecatedAt: new Date('2025-05-05T00:00:00Z'),
    sunsetAt: new Date('2026-12-31T23:59:59Z'),
    changes: [
      {
        appliesTo: 'createToy',
        upgradeRequest: (body) => renamed(body, Labelled, ({ label, ...rest }) => ({ ...rest, title: label.text })),
        downgradeReply: (body) => renamed(body, Titled, ({ title, ...rest }) => ({ ...rest, label: { text: title } })),
      },
    ],
  },
])

function renamed<T extends typeof Named | typeof Titled | typeof Labelled>(
  body: WireValue,
  shape: T,
  change: (body: Type.Static<T>) => WireValue,
): WireValue {
  return change(Value.Parse(shape, body))
}

const toys = makeToys()
let world: World
beforeAll(async () => {
  world = await openWorld({ features: [toys.feature], versions })
})
afterAll(() => world.close())

async function pinned(version: string | null) {
  const tenant = await world.tenant()
  await world.platform.db
    .updateTable('organizations')
    .set({ api_version: version })
    .where('id', '=', tenant.organizationId)
    .execute()
  return tenant
}

describe('API Versioning', () => {
  it('"The API uses date-based versioning": every reply names a date, also errors and unknown paths', async () => {
    const tenant = await world.tenant()
    for (const route of [
      'GET /api/toys',
      'GET /api/nothing',
      'PUT /api/toys',
      'GET /api/toys/x',
      'GET /api/openapi.json',
      'GET /api/%E0%A4%A',
    ]) {
      expect((await tenant.send(route)).headers.get('appstrate-version'), route).toBe('2026-03-21')
    }
    expect((await world.send('GET /api/toys')).headers.get('appstrate-version')).toBe('2026-03-21')
  })

  it('"Send the Appstrate-Version header to target a specific version"', async () => {
    const tenant = await world.tenant()
    const create = (version: string, body: unknown) =>
      tenant.send('POST /api/toys', { body, headers: { 'appstrate-version': version } })
    const newest = await create('2026-03-21', { name: 'ball' })
    expect(newest.body, newest.text).toEqual({ id: expect.any(String), name: 'ball' })
    const older = await create('2025-05-05', { title: 'ball' })
    expect(older.body, older.text).toEqual({ id: expect.any(String), title: 'ball' })
    const oldest = await create('2024-01-01', { label: { text: 'ball' } })
    expect(oldest.body, oldest.text).toEqual({ id: expect.any(String), label: { text: 'ball' } })
    expect([newest, older, oldest].map(({ headers }) => headers.get('appstrate-version'))).toEqual([
      '2026-03-21',
      '2025-05-05',
      '2024-01-01',
    ])
    expect(oldest.headers.get('location')).toBe(`/api/toys/${oldest.body.id}`)
  })

  it('changes only the operations that a version names', async () => {
    const tenant = await world.tenant()
    const { body } = await tenant.send('GET /api/toys?pageSize=1', { headers: { 'appstrate-version': '2024-01-01' } })
    expect(body.data).toEqual([{ name: 'toy 47' }])
  })

  it('answers with a problem to a body that does not match its version', async () => {
    const tenant = await world.tenant()
    for (const body of [{ name: 'ball' }, { label: 'ball' }, [], 'text', null, 7]) {
      expectProblem(
        undefined,
        await tenant.send('POST /api/toys', { body, headers: { 'appstrate-version': '2024-01-01' } }),
        'validation-error',
      )
    }
  })

  it('"No header: uses the organization\'s pinned version"', async () => {
    const tenant = await pinned('2025-05-05')
    const answer = await tenant.send('POST /api/toys', { body: { title: 'ball' } })
    expect(answer.body, answer.text).toMatchObject({ title: 'ball' })
    expect(answer.headers.get('appstrate-version')).toBe('2025-05-05')
    const header = await tenant.send('POST /api/toys', {
      body: { name: 'ball' },
      headers: { 'appstrate-version': '2026-03-21' },
    })
    expect(header.body, 'the header takes precedence over the pin').toMatchObject({ name: 'ball' })
  })

  it('"or the current version by default"', async () => {
    expect((await (await pinned(null)).send('GET /api/toys')).headers.get('appstrate-version')).toBe('2026-03-21')
    const gone = await (await pinned('2019-01-01')).send('GET /api/toys')
    expect(gone.headers.get('appstrate-version'), 'a pin to a version that no longer exists').toBe('2026-03-21')
  })

  it.each([
    '',
    '1',
    '2026-3-21',
    '21-03-2026',
    '2026-13-01',
    '2026-03-21T00:00:00Z',
    'latest',
    '2026-03-21, 2026-03-21',
  ])('answers 400 to %j', async (version) => {
    const tenant = await world.tenant()
    expectProblem(
      undefined,
      await tenant.send('GET /api/toys', { headers: { 'appstrate-version': version } }),
      'invalid-api-version',
    )
  })

  it('answers 400 to a date that is not a version, and names the existing ones', async () => {
    const tenant = await world.tenant()
    const answer = await tenant.send('GET /api/toys', { headers: { 'appstrate-version': '2026-03-22' } })
    expectProblem(undefined, answer, 'unsupported-api-version')
    expect(answer.body.detail).toContain('2026-03-21, 2025-05-05, 2024-01-01')
  })

  it('"Deprecation: sunset versions return a Sunset header with the end-of-support date"', async () => {
    const tenant = await world.tenant()
    const send = async (version: string) =>
      (await tenant.send('GET /api/toys', { headers: { 'appstrate-version': version } })).headers
    const oldest = await send('2024-01-01')
    expect(oldest.get('sunset')).toBe('Thu, 31 Dec 2026 23:59:59 GMT')
    expect(oldest.get('deprecation')).toBe('@1746403200')
    expect(oldest.get('link')).toMatch(/^<https:\/\/\S+#2024-01-01>; rel="sunset"$/)
    const older = await send('2025-05-05')
    expect([older.get('sunset'), older.get('deprecation'), older.get('link')]).toEqual([null, '@1774051200', null])
    const newest = await send('2026-03-21')
    expect([newest.get('sunset'), newest.get('deprecation'), newest.get('link')]).toEqual([null, null, null])
  })

  it('replays a stored reply in its original version, and names that version', async () => {
    const tenant = await world.tenant()
    const path = `POST /api/toys/${newWireId('toy')}/run`
    const send = (version: string) =>
      tenant.send(path, { headers: { 'appstrate-version': version, 'idempotency-key': 'k' } })
    const first = await send('2025-05-05')
    expect(first.body).toEqual({ shape: 'of 2025' })
    const again = await send('2026-03-21')
    expect([again.body, again.headers.get('idempotent-replayed'), again.headers.get('appstrate-version')]).toEqual([
      first.body,
      'true',
      '2025-05-05',
    ])
  })
})
