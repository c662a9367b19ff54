import { get, type IncomingMessage } from 'node:http'
import { once } from 'node:events'

/** A Server-Sent Event as it arrived. */
export interface StreamEvent {
  readonly name: string
  readonly data: unknown
  readonly arrivedMs: number
}

/** Follows a stream; resolves when its first event has arrived. */
export async function followStream(
  url: string,
  options: { headers: Readonly<Record<string, string>>; onEvent: (event: StreamEvent) => void },
): Promise<{ close(): void }> {
  const request = get(url, { headers: { ...options.headers }, agent: false })
  const [response]: IncomingMessage[] = await once(request, 'response')
  if (response?.statusCode !== 200) throw new Error(`${url} answered ${response?.statusCode}.`)
  await new Promise<void>((resolve) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const arrivedMs = performance.now()
      text += chunk
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const event of blocks.flatMap((block) => parse(block, arrivedMs))) {
        options.onEvent(event)
        resolve()
      }
    })
  })
  return { close: () => void request.destroy() }
}

function parse(block: string, arrivedMs: number): StreamEvent[] {
  const name = /^event: (.*)$/m.exec(block)?.[1]
  const data = /^data: (.*)$/m.exec(block)?.[1]
  return name === undefined || data === undefined ? [] : [{ name, data: JSON.parse(data), arrivedMs }]
}
