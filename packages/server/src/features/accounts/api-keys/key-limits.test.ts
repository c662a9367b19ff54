import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateEncryptionKey } from '../../../platform/crypto/key-ring.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { eventually } from '../../../testing/factories/run-world.ts'
import { requester, type Answer, type Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from '../applications/index.ts'
import { endUsersFeature } from '../end-users/index.ts'
import { apiKeysFeature } from './index.ts'
import { updateApiKey } from './update-api-key.ts'
import { openSecondNode } from './testing/second-node.ts'

const number = 5
const bound = 20

let world: World
beforeAll(async () => {
  world = await openWorld({
    features: [apiKeysFeature, applicationsFeature, endUsersFeature],
    environment: {
      RATE_LIMIT_DEFAULT: String(number),
      RATE_LIMIT_KEY_FACTOR: String(bound / number),
      // With a DATABASE_URL the nodes exchange wake-ups through the database; they use the world's own.
      DATABASE_URL: 'postgres://localhost/of-this-test',
      ENCRYPTION_KEYS: generateEncryptionKey('1'),
      AUTH_SECRET: 'a secret of the tests, 32 characters',
    },
  })
})
afterAll(() => world.close())

async function given(limits?: object) {
  const tenant = await world.tenant()
  const { send: owner } = await tenant.session()
  const made = await owner('POST /api/api-keys', { body: { name: 'k', ...(limits === undefined ? {} : { limits }) } })
  expect(made.status, made.text).toBe(201)
  const send = requester(world.url, { authorization: `Bearer ${made.body.key}`, 'x-app-id': tenant.appId })
  return { tenant, owner, send, id: String(made.body.id), secret: String(made.body.key), body: made.body }
}

const none = { runs: null, import: null, create: null, default: null }
const standing = ({ headers }: Answer) => [
  headers.get('ratelimit')?.split(', reset')[0],
  headers.get('ratelimit-policy'),
]
/** Sends until a request is refused; returns how many were admitted, and the refusal. */
async function flood(send: Send, headers: Record<string, string> = {}): Promise<{ admitted: number; refused: Answer }> {
  for (let admitted = 0; admitted <= 100; admitted += 1) {
    const answer = await send('GET /api/applications', { headers })
    if (answer.status === 429) return { admitted, refused: answer }
    expect(answer.status, answer.text).toBe(200)
  }
  throw new Error('No request was refused.')
}

describe("a key's own limits", () => {
  it('are set at its creation, shown, and applied instead of the number of the server', async () => {
    const { owner, send, id, body } = await given({ default: 8 })
    expect(body.limits).toEqual({ ...none, default: 8 })
    expect((await owner(`GET /api/api-keys/${id}`)).body.limits).toEqual({ ...none, default: 8 })
    expect(standing(await send('GET /api/applications'))).toEqual(['limit=8, remaining=7', '8;w=60'])
    const { admitted, refused } = await flood(send)
    expect(admitted).toBe(7)
    expectProblem(undefined, refused, 'rate-limited')
    expect(refused.body).toMatchObject({ limit: 8, limitOf: 'caller' })
    expect(standing(refused)).toEqual(['limit=8, remaining=0', '8;w=60'])
  })

  it('do not change the number of the other keys', async () => {
    const { tenant, send } = await given({ default: bound })
    expect((await flood(send)).admitted).toBe(bound)
    expect((await flood(tenant.send)).admitted).toBe(number)
  })

  it('can be changed one by one, apply at once, and are in the audit log', async () => {
    const { tenant, owner, send, id } = await given({ default: 6, runs: 7 })
    const { refused } = await flood(send)
    const changed = await owner(`PATCH /api/api-keys/${id}`, { body: { limits: { default: 9 } } })
    expect(changed.body.limits).toEqual({ ...none, default: 9, runs: 7 })
    expect(refused.status).toBe(429)
    expect((await send('GET /api/applications')).headers.get('ratelimit-policy')).toBe('9;w=60')
    const reset = await owner(`PATCH /api/api-keys/${id}`, { body: { limits: { default: null } } })
    expect(reset.body.limits).toEqual({ ...none, runs: 7 })
    const entries = await world.platform.db
      .selectFrom('audit_log')
      .select('changes')
      .where('organization_id', '=', tenant.organizationId)
      .where('action', '=', 'api-key.updated')
      .orderBy('id')
      .execute()
    expect(JSON.stringify(entries[0]?.changes)).toContain('"default":9')
  })

  it('apply on other nodes too', async () => {
    const node = await openSecondNode(world)
    const { owner, id, secret } = await given({ default: 6 })
    expect(await node.limitsOf(secret)).toEqual({ default: 6 })
    await owner(`PATCH /api/api-keys/${id}`, { body: { limits: { default: 7 } } })
    await eventually(async () => ((await node.limitsOf(secret))?.['default'] === 7 ? true : undefined))
    await node.close()
  })

  it('are at most what the operator allows, also when the operator allows less later', async () => {
    const { owner, send, id } = await given()
    for (const limit of [bound + 1, 0, -1, 1.5, '5']) {
      const refused = await owner(`PATCH /api/api-keys/${id}`, { body: { limits: { default: limit } } })
      expectProblem(updateApiKey, refused, 'validation-error')
      expect(refused.body.errors[0].pointer).toBe('/limits/default')
    }
    const tooMuch = await owner('POST /api/api-keys', { body: { name: 'k', limits: { default: bound + 1 } } })
    expect(tooMuch.body.errors).toMatchObject([{ pointer: '/limits/default', code: 'maximum' }])
    await world.platform.db.updateTable('api_keys').set({ limits: '{"default": 1000}' }).execute()
    expect(standing(await send('GET /api/applications'))[1]).toBe(`${bound};w=60`)
  })
})

describe('an end-user on whose behalf a key acts', () => {
  it('has the number of the server as a share of a larger limit of the key', async () => {
    const { tenant, send } = await given({ default: bound })
    const [ada, bob] = [await tenant.endUser(), await tenant.endUser()]
    const first = await flood(send, { 'appstrate-user': ada })
    expect(first.admitted).toBe(number)
    expect(first.refused.body).toMatchObject({
      limit: number,
      limitOf: 'end-user',
      detail: expect.stringContaining('on behalf of this end-user'),
    })
    for (let more = 0; more < 10; more += 1) await send('GET /api/applications', { headers: { 'appstrate-user': ada } })
    expect((await flood(send, { 'appstrate-user': bob })).admitted).toBe(number)
    // Refused requests of the end-users took nothing from the key.
    expect((await flood(send)).admitted).toBe(bound - 2 * number)
  })

  it('counts within the key', async () => {
    const { tenant, send } = await given()
    const [ada, bob] = [await tenant.endUser(), await tenant.endUser()]
    for (let sent = 0; sent < number - 1; sent += 1)
      expect((await send('GET /api/applications', { headers: { 'appstrate-user': ada } })).status).toBe(200)
    const { admitted, refused } = await flood(send, { 'appstrate-user': bob })
    expect(admitted).toBe(1)
    expect(refused.body).toMatchObject({ limit: number, limitOf: 'caller' })
  })

  it('has one share for all keys of its application, and at most the limit of a smaller key', async () => {
    const { tenant, owner, send } = await given({ default: bound })
    const ada = { 'appstrate-user': await tenant.endUser() }
    const other = await owner('POST /api/api-keys', { body: { name: 'k', limits: { default: 2 } } })
    const small = requester(world.url, { authorization: `Bearer ${other.body.key}`, 'x-app-id': tenant.appId })
    expect((await flood(small, ada)).admitted).toBe(2)
    expect((await flood(send, ada)).admitted).toBeLessThan(number - 1)
  })

  it('costs wrong ids no more than the limit of the key', async () => {
    const { tenant, send } = await given()
    const gone = (await tenant.endUser()).replace(/.{4}$/, '0000')
    for (let sent = 0; sent < number; sent += 1)
      expect((await send('GET /api/applications', { headers: { 'appstrate-user': gone } })).status).toBe(403)
    expect((await send('GET /api/applications', { headers: { 'appstrate-user': 'eu_x' } })).status).toBe(429)
  })
})
