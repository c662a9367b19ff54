import { startModelServer, type ModelServer } from '@appstrate/model-server'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createClient, type Client } from '../client.ts'
import { connectModel } from '../journeys.ts'
import { describeInBrowser, patienceMs } from './browser.ts'
import { startServer, type Server } from './server.ts'

const scenario = {
  steps: [
    { text: 'First.', toolCalls: [{ name: 'log', arguments: { level: 'info', message: 'One.' } }] },
    // Slow enough to kill the server in the middle. The expectations also hold if the kill comes too late.
    { delayMs: 2_500, text: 'Second.', toolCalls: [{ name: 'log', arguments: { level: 'info', message: 'Two.' } }] },
    { toolCalls: [{ name: 'output', arguments: { message: 'Hello' } }] },
    { text: 'Done.' },
  ],
}

/** The events that a page's EventSource recorded. */
interface Noted {
  readonly events: readonly { id: string; type: string; status: string | null }[]
  readonly isClosed: boolean
}

describeInBrowser("a run watched with the browser's EventSource", (visit) => {
  let models: ModelServer
  let server: Server
  let client: Client
  let agentId: string
  beforeAll(async () => {
    models = await startModelServer({ scenarios: { slow: scenario } })
    server = await startServer()
    client = createClient(server.instance.url, server.firstRun)
    const modelId = await connectModel(server.instance.url, server.firstRun, {
      baseUrl: `${models.url}/v1`,
      modelId: 'slow',
    })
    const agent = await client.send('POST /api/agents', {
      name: 'slow',
      displayName: 'Slow',
      prompt: 'Do it.',
      modelId,
    })
    agentId = agent.body.id
  }, 120_000)
  afterAll(async () => {
    await server.remove()
    await models.close()
  })

  const watch = async (page: Page, runId: string) => {
    await page.goto(server.instance.url)
    await page.evaluate(`{
      const source = new EventSource('/api/realtime/runs/${runId}?token=${server.firstRun.apiKey}')
      const events = []
      for (const type of ['run_update', 'run_log', 'resync']) {
        source.addEventListener(type, ({ lastEventId: id, data }) => {
          events.push({ id, type, status: JSON.parse(data).status ?? null })
        })
      }
      window.noted = () => ({ events, isClosed: source.readyState === EventSource.CLOSED })
    }`)
  }
  const noted = (page: Page): Promise<Noted> => page.evaluate('noted()')
  const until = (page: Page, isSo: (now: Noted) => boolean) =>
    expect.poll(async () => isSo(await noted(page)), { timeout: patienceMs, interval: 20 }).toBe(true)
  const closed = (page: Page) => until(page, ({ isClosed }) => isClosed)
  const start = async (): Promise<string> => (await client.send('POST /api/runs', { agentId })).body.id

  /** Every event of the run's journal once, in order, up to its end. */
  const expectAll = async ({ events }: Noted, runId: string) => {
    expect(events.map(({ id }) => Number(id))).toEqual(events.map((_event, index) => index + 1))
    expect(events.filter(({ type }) => type === 'run_log')).toHaveLength((await client.logs(runId)).length)
    expect(events.at(-1)).toMatchObject({ type: 'run_update', status: 'success' })
    expect(events.some(({ type }) => type === 'resync')).toBe(false)
  }

  it('shows every event once, and closes after the last', async () => {
    const { page, context } = visit()
    const statuses: number[] = []
    context.on(
      'response',
      (response) => void (response.url().includes('/api/realtime/') && statuses.push(response.status())),
    )
    const runId = await start()
    await watch(page, runId)
    await closed(page)
    expect((await client.ended(runId)).status).toBe('success')
    await expectAll(await noted(page), runId)
    // The browser reports responses separately from the page.
    await expect.poll(() => statuses, { timeout: patienceMs }).toEqual([200, 204])
  })

  it.each([
    ['was killed', () => server.instance.kill()],
    ['was stopped', () => server.instance.stop()],
  ])('continues after the server %s and started again, with every event once', async (_how, end) => {
    const { page } = visit()
    const runId = await start()
    await watch(page, runId)
    await until(page, ({ events }) => events.some(({ type }) => type === 'run_log'))
    await end()
    await server.instance.start()
    await closed(page)
    expect((await client.ended(runId)).status).toBe('success')
    await expectAll(await noted(page), runId)
  })
})
