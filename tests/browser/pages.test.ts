import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Body } from '../client.ts'
import { describeInBrowser, strays } from './browser.ts'
import { startServer, type Server } from './server.ts'

describeInBrowser('the pages of a new server', (visit) => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
  }, 120_000)
  afterAll(() => server.remove())

  it('the welcome page says that the server is ready, without an error and without another host', async () => {
    const { page, seen } = visit()
    const answer = await page.goto(server.instance.url)
    expect(answer?.status()).toBe(200)
    await page
      .getByRole('status')
      .filter({ hasText: /^ready$/ })
      .waitFor()
    expect(await page.title()).toBe('Appstrate')
    expect(strays(seen.requests, server.instance.url)).toEqual([])
    expect(seen.errors).toEqual([])
  })

  it('every link of the welcome page works', async () => {
    const { page, seen } = visit()
    await page.goto(server.instance.url)
    const links = await page
      .getByRole('link')
      .evaluateAll((found) => found.map((link) => link.getAttribute('href') ?? ''))
    expect(links).toEqual(['/api/docs', '/api/openapi.json', '/health', '/ready'])
    for (const link of links) {
      await page.goto(server.instance.url)
      const [answer] = await Promise.all([
        page.waitForResponse((response) => response.url() === `${server.instance.url}${link}`),
        page.locator(`a[href="${link}"]`).click(),
      ])
      expect(answer.status(), link).toBe(200)
      await page.waitForURL(`${server.instance.url}${link}`)
    }
    expect(strays(seen.requests, server.instance.url)).toEqual([])
    expect(seen.errors).toEqual([])
  })

  it('the API documentation shows every tag and every operation, all of it from this server', async () => {
    const { page, seen } = visit()
    const document: Body = await (await fetch(`${server.instance.url}/api/openapi.json`)).json()
    const operations = Object.values<object>(document.paths).flatMap((path) =>
      Object.keys(path).filter((key) => /^(get|post|put|patch|delete)$/.test(key)),
    )
    await page.goto(`${server.instance.url}/api/docs`)
    const sections = page.locator('.opblock-tag-section')
    await sections.nth(document.tags.length - 1).waitFor()
    const tags: (string | null)[] = []
    let shown = 0
    for (const section of await sections.all()) {
      const heading = section.locator('.opblock-tag')
      tags.push(await heading.getAttribute('data-tag'))
      await heading.click()
      await section.locator('.opblock').first().waitFor()
      shown += await section.locator('.opblock').count()
      await heading.click()
    }
    expect(operations.length).toBeGreaterThan(80)
    expect(shown).toBe(operations.length)
    expect(tags).toEqual(document.tags.map(({ name }: Body) => name))
    expect(strays(seen.requests, server.instance.url)).toEqual([])
    expect(seen.errors).toEqual([])
  })

  it('the API documentation sends a request with the entered key', async () => {
    const { page, seen } = visit()
    await page.goto(`${server.instance.url}/api/docs`)
    const listAgents = page
      .locator('.opblock')
      .filter({ has: page.locator('[data-path="/api/agents"]') })
      .and(page.locator('.opblock-get'))
    await page.getByRole('button', { name: 'Authorize' }).first().click()
    const dialog = page.locator('.dialog-ux')
    const apiKey = dialog.locator('.auth-container').filter({ hasText: 'apiKey (http, Bearer)' })
    await apiKey.getByRole('textbox').fill(server.firstRun.apiKey)
    await apiKey.getByRole('button', { name: 'Apply credentials' }).click()
    await apiKey.getByText('Authorized').waitFor()
    await dialog.getByRole('button', { name: 'Close' }).last().click()

    await page.locator('.opblock-tag[data-tag="Agents"]').click()
    await listAgents
      .getByRole('button', { name: /\/api\/agents/ })
      .first()
      .click()
    await listAgents.locator('[data-param-name="x-app-id"] input').fill(server.firstRun.appId)
    await listAgents.getByRole('button', { name: 'Execute' }).click()
    const answer = listAgents.locator('.live-responses-table')
    await answer.locator('.response-col_status').filter({ hasText: '200' }).waitFor()
    await answer.getByText(server.firstRun.agentId).first().waitFor()
    expect(strays(seen.requests, server.instance.url)).toEqual([])
    expect(seen.errors).toEqual([])
  })
})
