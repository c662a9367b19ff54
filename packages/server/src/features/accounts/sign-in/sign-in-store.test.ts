import { expect, it } from 'vitest'
import { fromOurPage } from '../../../testing/factories/session.ts'
import { openWorld } from '../../../testing/world.ts'
import { registerUser, signInFeature } from './index.ts'

it('registers a user who can sign in with their password, within the given transaction', async () => {
  const world = await openWorld({ features: [signInFeature] })
  const user = { name: 'Owner', email: 'Owner@Example.com', password: 'correct horse battery' }
  const signIn = () =>
    fromOurPage(world)('POST /api/auth/sign-in/email', {
      body: { email: 'owner@example.com', password: user.password },
    })
  const undone = world.platform.db.transaction().execute(async (tx) => {
    await registerUser(tx, user)
    throw new Error('undone')
  })
  await expect(undone).rejects.toThrow('undone')
  expect((await signIn()).status).toBe(401)
  const id = await world.platform.db.transaction().execute((tx) => registerUser(tx, user))
  expect((await signIn()).body.user).toMatchObject({ id, email: 'owner@example.com', emailVerified: true })
  await world.close()
})
