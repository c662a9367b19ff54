import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem } from '../../../../testing/describe-endpoint.ts'
import { fromOurPage, signUp } from '../../../../testing/factories/session.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { organizationsFeature } from '../../organizations/index.ts'
import { registerUser, signInFeature } from '../index.ts'
import { relayAuthPost } from '../relay-auth-post.ts'
import { signUpEmail } from '../sign-up-email.ts'

describe('a password that is easy to guess', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [signInFeature, organizationsFeature] })
  })
  afterAll(() => world.close())

  it.each(['password-123', 'Appstrate2026', 'grace.hopper1', 'GraceHopper!'])(
    'is refused at a sign-up: %s',
    async (password) => {
      const answer = await fromOurPage(world)('POST /api/auth/sign-up/email', {
        body: { name: 'Grace Hopper', email: 'grace.hopper@example.com', password },
      })
      expectProblem(signUpEmail, answer, 'weak-password')
      expect(answer.body.detail).toContain('combine several unrelated words')
      expect(
        await world.platform.db.selectFrom('users').select('id').where('name', '=', 'Grace Hopper').execute(),
      ).toEqual([])
    },
  )

  it('is refused at a change and at a reset', async () => {
    const user = await signUp(world)
    const send = (newPassword: string) =>
      user.send('POST /api/auth/change-password', { body: { currentPassword: user.password, newPassword } })
    expectProblem(relayAuthPost, await send('password-123'), 'weak-password')
    expectProblem(relayAuthPost, await send(user.email), 'weak-password')
    const reset = { newPassword: 'P@ssw0rd!', token: 'any' }
    expectProblem(relayAuthPost, await user.send('POST /api/auth/reset-password', { body: reset }), 'weak-password')
    const signIn = await fromOurPage(world)('POST /api/auth/sign-in/email', {
      body: { email: user.email, password: user.password },
    })
    expect(signIn.status).toBe(200)
  })

  it('is refused if it is the name of an organization of the user', async () => {
    const user = await signUp(world)
    await user.send('POST /api/orgs', { body: { name: 'Zweckverband Nordheide', slug: 'zvnh-verwaltung' } })
    const change = (newPassword: string) =>
      user.send('POST /api/auth/change-password', { body: { currentPassword: user.password, newPassword } })
    for (const password of ['zweckverband1', 'Nordheide2026!', 'ZVNH-Verwaltung'])
      expectProblem(relayAuthPost, await change(password), 'weak-password')
    expect((await change('velvet-otter-lagoon')).status).toBe(200)
    const invited = { name: 'Grace', email: 'g@example.com', password: 'nordheide77' }
    const join = () => world.platform.db.transaction().execute((tx) => registerUser(tx, invited, ['Nordheide']))
    await expect(join()).rejects.toMatchObject({ code: 'weak-password' })
  })

  it('is refused for a user who joins by an invitation', async () => {
    const user = { name: 'Grace', email: 'grace@example.com', password: 'password-123' }
    await expect(world.platform.db.transaction().execute((tx) => registerUser(tx, user))).rejects.toMatchObject({
      code: 'weak-password',
    })
  })
})
