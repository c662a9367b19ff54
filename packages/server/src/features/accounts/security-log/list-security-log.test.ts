import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstEntryIdAt } from '../../../platform/audit/entry-time.ts'
import { newUuid, toWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { fromOurPage, signUp } from '../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { profileFeature } from '../profile/index.ts'
import { signInFeature } from '../sign-in/index.ts'
import { deleteOldSecurityEvents } from './delete-old-security-events.job.ts'
import { securityLogFeature } from './index.ts'
import { listSecurityLog } from './list-security-log.ts'

const options = { features: [signInFeature, profileFeature, securityLogFeature] }
const route = 'GET /api/profile/security-log'

describeEndpoint(listSecurityLog, {
  as: 'session',
  given: async () => undefined,
  call: () => ({}),
  world: options,
})

describe("a user's security log", () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('shows sign-ins, failed ones too, and sign-outs of this user only, newest first', async () => {
    const [user, other] = [await signUp(world), await signUp(world)]
    const actions = async () => {
      const { data } = (await user.send(route)).body
      return data.map(({ action, detail }: { action: string; detail: string | null }) => [action, detail])
    }
    const signIn = (password: string) =>
      fromOurPage(world)('POST /api/auth/sign-in/email', {
        body: { email: user.email, password },
        headers: { 'user-agent': 'A browser' },
      })
    const before = [
      ['session.created', 'password'],
      ['account.created', null],
    ]
    expect(await actions()).toEqual(before)
    await signIn('not this one')
    await expect.poll(actions, { timeout: 15_000 }).toEqual([['sign-in.failed', 'password'], ...before])
    const [newest] = (await user.send(route)).body.data
    expect(newest).toMatchObject({ ip: '127.0.0.1', userAgent: 'A browser', requestId: expect.stringMatching(/^req_/) })
    await other.send('POST /api/auth/sign-out')
    await user.send('POST /api/auth/sign-out')
    const again = await signIn(user.password)
    const { data } = (
      await world.send(route, { headers: { cookie: again.headers.getSetCookie().join().split(';', 1)[0] ?? '' } })
    ).body
    expect(data.map(({ action }: { action: string }) => action)).toEqual([
      'session.created',
      'session.ended',
      'sign-in.failed',
      'session.created',
      'account.created',
    ])
  })

  it('shows the end of other sessions', async () => {
    const user = await signUp(world)
    const signIn = () =>
      fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email: user.email, password: user.password } })
    const count = async () =>
      (await user.send(route)).body.data.filter(({ action }: { action: string }) => action === 'session.revoked').length
    await signIn()
    await user.send('POST /api/profile/sessions/revoke-others')
    expect(await count()).toBe(1)
    await user.send('POST /api/profile/sessions/revoke-others')
    expect(await count()).toBe(1)
    await signIn()
    const { data } = (await user.send('GET /api/profile/sessions')).body
    const { id } = data.find(({ current }: { current: boolean }) => !current)
    await user.send(`DELETE /api/profile/sessions/${id}`)
    expect(await count()).toBe(2)
  })

  it('does not record attempts on addresses without an account', async () => {
    const user = await signUp(world)
    const count = async () => (await world.platform.db.selectFrom('security_events').select('id').execute()).length
    const before = await count()
    for (const email of ['nobody@example.com', 'nobody-else@example.com', user.email])
      await fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password: 'a guess at it' } })
    await expect.poll(count, { timeout: 15_000 }).toBe(before + 1)
    const { data } = (await user.send(route)).body
    expect(data[0].action).toBe('sign-in.failed')
  })

  it('continues with a cursor, and refuses a foreign one', async () => {
    const user = await signUp(world)
    const first = (await user.send(route, { query: { pageSize: '1' } })).body
    const second = (await user.send(route, { query: { pageSize: '1', after: first.pagination.nextCursor } })).body
    expect([...first.data, ...second.data].map(({ action }) => action)).toEqual(['session.created', 'account.created'])
    expect(second.pagination.nextCursor).toBeNull()
    expectProblem(listSecurityLog, await user.send(route, { query: { after: 'sev_x' } }), 'validation-error')
  })

  it('keeps events for 180 days', async () => {
    const user = await signUp(world)
    const old = firstEntryIdAt(new Date(Date.now() - 181 * 86_400_000))
    const kept = newUuid()
    for (const id of [old, kept]) {
      await world.platform.db
        .insertInto('security_events')
        .values({ id, user_id: user.userId, action: 'session.created' })
        .execute()
    }
    expect(await deleteOldSecurityEvents.run(world.platform, new AbortController().signal)).toBe(false)
    const ids = (await user.send(route)).body.data.map(({ id }: { id: string }) => id)
    expect(ids).toContain(toWireId('sev', kept))
    expect(ids).not.toContain(toWireId('sev', old))
  })
})
