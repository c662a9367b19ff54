import { afterAll, beforeAll, expect, it } from 'vitest'
import { openWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

it('shows a page that loads nothing from another host', async () => {
  const answer = await world.send('GET /')
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(answer.text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
  expect(answer.text).toContain('\\\n     -F file=@sales.csv')
})

it.each(['/api/docs', '/api/openapi.json', '/health', '/ready'])('links to %s, which works', async (path) => {
  expect((await world.send('GET /')).text).toContain(`href="${path}"`)
  expect((await world.send(`GET ${path}`)).status).toBeLessThan(400)
})
