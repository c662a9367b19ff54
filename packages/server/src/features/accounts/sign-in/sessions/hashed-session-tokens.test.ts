import { createHmac, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { betterAuth } from 'better-auth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../../platform/ids/id.ts'
import { cookieOf, fromOurPage, signUp, type SignedIn } from '../../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { authOptions } from '../auth-options.ts'
import { signInFeature } from '../index.ts'

describe('the token of a session', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [signInFeature] })
  })
  afterAll(() => world.close())

  const session = (cookie: string) => world.send('GET /api/auth/get-session', { headers: { cookie } })
  const isOpen = async (cookie: string) => (await session(cookie)).body !== null
  const signIn = async ({ email, password }: SignedIn) => {
    const answer = await fromOurPage(world)('POST /api/auth/sign-in/email', { body: { email, password } })
    return { cookie: cookieOf(answer), token: String(answer.body.token) }
  }
  const storedOf = ({ userId }: SignedIn) =>
    world.platform.db.selectFrom('sessions').selectAll().where('user_id', '=', userId).execute()
  const signed = (token: string) => {
    const signature = createHmac('sha256', world.platform.secrets.authSecret).update(token).digest('base64')
    return `better-auth.session_token=${encodeURIComponent(`${token}.${signature}`)}`
  }

  it('is stored as a hash, which opens no session even with a correct signature', async () => {
    const user = await signUp(world)
    const { token } = (await session(user.cookie)).body.session
    expect(user.cookie).toContain(token)
    const [stored] = await storedOf(user)
    expect(JSON.stringify(stored)).not.toContain(token)
    expect(await isOpen(signed(token))).toBe(true)
    expect(await isOpen(signed(stored?.token ?? ''))).toBe(false)
  })

  it('stays valid when the session is extended', async () => {
    const user = await signUp(world)
    const soon = new Date(Date.now() + 3_600_000)
    await world.platform.db
      .updateTable('sessions')
      .set({ expires_at: soon })
      .where('user_id', '=', user.userId)
      .execute()
    const extended = await session(user.cookie)
    expect(new Date(extended.body.session.expiresAt).getTime()).toBeGreaterThan(soon.getTime())
    expect(await isOpen(user.cookie)).toBe(true)
    expect(await isOpen(cookieOf(extended))).toBe(true)
  })

  it('is not in the list of sessions, which can end one of them, the others and the current one', async () => {
    const [user, stranger] = [await signUp(world), await signUp(world)]
    const [one, other] = [await signIn(user), await signIn(user)]
    const list = await user.send('GET /api/auth/list-sessions')
    for (const { token } of [one, other]) expect(list.text).not.toContain(token)
    expect(list.body).toHaveLength(3)
    const [foreign] = await storedOf(stranger)
    await user.send('POST /api/auth/revoke-session', { body: { token: foreign?.token } })
    expect(await isOpen(stranger.cookie)).toBe(true)
    await user.send('POST /api/auth/revoke-session', { body: { token: one.token } })
    expect([await isOpen(one.cookie), await isOpen(other.cookie), await isOpen(user.cookie)]).toEqual([
      false,
      true,
      true,
    ])
    const { id } = (await session(other.cookie)).body.session
    const listed = list.body.find((item: { id: string }) => item.id === id)
    await user.send('POST /api/auth/revoke-session', { body: { token: listed.token } })
    expect(await isOpen(other.cookie)).toBe(false)
    const third = await signIn(user)
    expect((await user.send('POST /api/auth/revoke-other-sessions')).body).toEqual({ status: true })
    expect([await isOpen(third.cookie), await isOpen(user.cookie)]).toEqual([false, true])
    const { token } = (await session(user.cookie)).body.session
    const ended = await user.send('POST /api/auth/revoke-session', { body: { token } })
    expect(await isOpen(user.cookie)).toBe(false)
    expect(ended.headers.getSetCookie().join()).toMatch(/session_token=;/)
  })

  it('of an older session is hashed by the migration, and the session stays open', async () => {
    const user = await signUp(world)
    const token = randomBytes(16).toString('hex')
    const expires = new Date(Date.now() + 86_400_000)
    const { db, database } = world.platform
    await db
      .insertInto('sessions')
      .values({ id: newWireId('ses'), user_id: user.userId, token, expires_at: expires })
      .execute()
    const before = await isOpen(signed(token))
    const file = new URL('../../../../../migrations/0018_add_account_security.sql', import.meta.url)
    const statement = /^update sessions set [^;]+;/mu.exec(await readFile(file, 'utf8'))?.[0] ?? ''
    await database.pool.query(statement.replace(';', ` where user_id = '${user.userId}' and token = '${token}';`))
    expect([before, await isOpen(signed(token))]).toEqual([false, true])
  })
})

it('stores no token of a linked account as it is', async () => {
  const world = await openWorld({ features: [signInFeature] })
  const { userId } = await signUp(world)
  const { internalAdapter } = await betterAuth(await authOptions(world.platform, undefined)).$context
  const fields = { userId, providerId: 'google', accountId: '1', idToken: 'an identity token' }
  const { id } = await internalAdapter.createAccount(fields)
  await internalAdapter.updateAccount(id, { scope: 'openid', idToken: 'a newer identity token' })
  const stored = await world.platform.db.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst()
  expect(stored).toMatchObject({ provider_id: 'google', scope: 'openid', id_token: null })
  await world.close()
})
