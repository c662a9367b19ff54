import { Script } from 'node:vm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openWorld, type World } from '../../../testing/world.ts'
import { signInFeature } from '../sign-in/index.ts'
import { invitationsFeature } from './index.ts'
import { invite } from './testing/invited.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ features: [invitationsFeature, signInFeature] })
})
afterAll(() => world.close())

it('is the same page for every token, and does not leak its URL', async () => {
  const { link, token } = await invite(await world.tenant())
  const page = await world.send(`GET ${new URL(link).pathname}`)
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect([page.headers.get('referrer-policy'), page.headers.get('cache-control')]).toEqual(['no-referrer', 'no-store'])
  expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  expect(page.text).not.toMatch(/(?:src|href)="/)
  expect(page.text).not.toContain(token)
  expect((await world.send('GET /invite/unknown')).text).toBe(page.text)
  expect(world.logLines.join('\n')).not.toContain(token)
})

it('has a script that parses, and requests only existing API routes', async () => {
  const { text } = await world.send('GET /invite/any')
  expect(new Script(text.slice(text.indexOf('<script>') + 8, text.indexOf('</script>')))).toBeDefined()
  for (const path of ["'/api/invitations/'", "'/accept'", "'/api/auth/get-session'", "'/api/auth/sign-in/email'"])
    expect(text).toContain(path)
  expect((await world.send('GET /api/auth/get-session')).body).toBeNull()
})
