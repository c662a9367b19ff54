import { afterAll, beforeAll, expect, test } from 'vitest'
import { startModelServer, type ModelServer, type Scenario } from './model-server.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer()
})
afterAll(() => server.close())

/** Asks for the first answer of a scenario. */
function ask(raw: NonNullable<Extract<Scenario['steps'][number], { raw?: unknown }>['raw']>): Promise<Response> {
  server.registerScenario('raw', { steps: [{ raw }] })
  const body = JSON.stringify({ model: 'raw', stream: true, messages: [{ role: 'user', content: 'Hi' }] })
  return fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body })
}

test('plays a status, headers and a body as they are written', async () => {
  const response = await ask({ status: 418, headers: { 'content-type': 'text/plain', 'x-pot': 'tea' }, body: 'short' })
  expect([response.status, response.headers.get('content-type'), response.headers.get('x-pot')]).toEqual([
    418,
    'text/plain',
    'tea',
  ])
  expect(await response.text()).toBe('short')
})

test.each(['whole', 'lines', [1], [2, 5]] as const)('plays bytes and events in chunks: %j', async (chunks) => {
  const bodyBase64 = Buffer.from([0xff, 0x0a, 0x80]).toString('base64')
  const response = await ask({
    bodyBase64,
    events: [{ a: 1 }, '[DONE]'],
    chunks: typeof chunks === 'string' ? chunks : [...chunks],
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(bytes).toEqual(
    Buffer.concat([Buffer.from(bodyBase64, 'base64'), Buffer.from('data: {"a":1}\n\ndata: [DONE]\n\n')]),
  )
})

test('breaks off after a number of bytes', async () => {
  const response = await ask({ body: 'one two three', cutAfterBytes: 7 })
  let text = ''
  const reading = async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk)
  }
  await expect(reading()).rejects.toThrow()
  expect(text).toBe('one two')
})
