import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { getProfile } from './get-profile.ts'
import { getProfiles } from './get-profiles.ts'
import { profileFeature } from './index.ts'
import { updateProfile } from './update-profile.ts'

const options = { features: [profileFeature] }
const given = async () => undefined

describeEndpoint(getProfile, { as: 'session', given, call: () => ({}), world: options })
describeEndpoint(updateProfile, {
  as: 'session',
  given,
  call: () => ({ body: { displayName: 'Ada' } }),
  world: options,
})
describeEndpoint(getProfiles, {
  as: 'session',
  given,
  call: (_given, { userId }) => ({ body: { ids: [userId] } }),
  world: options,
})

describe("a user's own profile", () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('shows their changes, which do not affect other users', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const { send } = await tenant.session()
    const before = await send('GET /api/profile')
    expect(before.body).toEqual({
      id: tenant.userId,
      displayName: 'Test Owner',
      email: `${tenant.slug}@example.com`,
      emailVerified: true,
      language: null,
      twoFactorEnabled: false,
      createdAt: expect.stringMatching(/^20.*Z$/),
    })
    const answer = await send('PATCH /api/profile', { body: { displayName: 'Ada', language: 'pt-br' } })
    expect(answer.body).toEqual({ ...before.body, displayName: 'Ada', language: 'pt-BR' })
    expect((await send('GET /api/profile')).body).toEqual(answer.body)
    expect((await (await other.session()).send('GET /api/profile')).body).toMatchObject({
      displayName: 'Test Owner',
      language: null,
    })
  })

  it('keeps absent fields, and resets the language to the default', async () => {
    const { send } = await (await world.tenant()).session()
    await send('PATCH /api/profile', { body: { displayName: 'Ada', language: 'fr' } })
    expect((await send('PATCH /api/profile', { body: {} })).body).toMatchObject({ displayName: 'Ada', language: 'fr' })
    expect((await send('PATCH /api/profile', { body: { language: null } })).body).toMatchObject({
      displayName: 'Ada',
      language: null,
    })
  })

  it('records the values before and after in the audit log', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const answer = await send('PATCH /api/profile', { body: { language: 'fr' } })
    const requestId = String(answer.headers.get('request-id'))
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('request_id', '=', requestId)
      .executeTakeFirstOrThrow()
    expect(entry).toMatchObject({
      resource_id: tenant.userId,
      changes: { language: { before: null, after: 'fr' } },
      organization_id: null,
    })
  })

  it('refuses an invalid language tag and an empty name', async () => {
    const { send } = await (await world.tenant()).session()
    const answer = await send('PATCH /api/profile', { body: { language: 'klingon please' } })
    expectProblem(updateProfile, answer, 'validation-error')
    expect(answer.body.errors).toMatchObject([{ pointer: '/language', code: 'language' }])
    for (const displayName of ['', '   ', 'x'.repeat(101)])
      expectProblem(updateProfile, await send('PATCH /api/profile', { body: { displayName } }), 'validation-error')
  })
})

describe('names of members', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('are returned only for members of the organization', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    const { send } = await tenant.session()
    const { body } = await send('POST /api/profiles/batch', {
      body: { ids: [other.userId, tenant.userId, tenant.userId] },
    })
    expect(body).toEqual({ profiles: [{ id: tenant.userId, displayName: 'Test Owner' }] })
    expect((await send('POST /api/profiles/batch', { body: { ids: [other.userId] } })).body).toEqual({ profiles: [] })
  })

  it('can be requested for at most 100 user ids', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    for (const ids of [[], Array.from({ length: 101 }, () => tenant.userId), ['usr_1'], [tenant.orgId]]) {
      expectProblem(getProfiles, await send('POST /api/profiles/batch', { body: { ids } }), 'validation-error')
    }
  })
})
