import { betterAuth } from 'better-auth'
import { twoFactor } from 'better-auth/plugins/two-factor'
import { expect, it } from 'vitest'
import { openWorld } from '../../../testing/world.ts'
import { authOptions } from './auth-options.ts'

it("names tables and columns that the migrations create, verified by the library's own check", async () => {
  const world = await openWorld({ features: [] })
  const options = await authOptions(world.platform, undefined)
  const check = (mistake: object) => {
    const { handler } = betterAuth({
      ...options,
      ...mistake,
      // The library checks only a database that it opens itself.
      database: { db: world.platform.db, type: 'postgres', transaction: true },
      advanced: { ...options.advanced, database: { validateSchema: true } },
    })
    return handler(new Request('http://localhost/api/auth/ok'))
  }
  expect((await check({})).status).toBe(200)
  for (const field of ['userId', 'lockedUntil']) {
    const plugin = twoFactor({
      schema: { twoFactor: { modelName: 'two_factors', fields: { [field]: `no_${field}` } } },
    })
    await expect(check({ plugins: [plugin] })).rejects.toThrow(new RegExp(`no_${field}`))
  }
  await expect(check({ verification: { modelName: 'verifikations' } })).rejects.toThrow(/verifikations/)
  await world.close()
})
