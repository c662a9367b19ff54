/** A Server-Sent Event as it arrived. */
export interface SseEvent {
  readonly event: string
  readonly id: string | undefined
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests reach into payloads freely
  readonly data: any
}

export interface SseStream {
  readonly status: number
  readonly headers: Headers
  /** All events received so far, including pings. */
  readonly events: readonly SseEvent[]
  /** Only the run_* events. */
  readonly runEvents: readonly SseEvent[]
  /** The received bytes as text. */
  readonly text: string
  readonly isClosed: boolean
  /** Waits until `condition` holds; throws when it does not within the deadline. */
  until(condition: () => boolean, deadlineMs?: number): Promise<void>
  closed(deadlineMs?: number): Promise<void>
  close(): void
}

/** Opens a stream with fetch, which allows any headers, and collects its events. */
export async function openSse(url: string, headers: Readonly<Record<string, string>> = {}): Promise<SseStream> {
  const abort = new AbortController()
  const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: abort.signal })
  const state: State = { text: '', isClosed: false, events: [] }
  void gather(response, state)
  const until = async (condition: () => boolean, deadlineMs = 15_000) => {
    const deadline = Date.now() + deadlineMs
    while (!condition()) {
      if (Date.now() > deadline)
        throw new Error(`The condition was not met within ${deadlineMs} ms. Received:\n${state.text.slice(-1_000)}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  return {
    status: response.status,
    headers: response.headers,
    events: state.events,
    get runEvents() {
      return state.events.filter(({ event }) => event.startsWith('run_'))
    },
    get text() {
      return state.text
    },
    get isClosed() {
      return state.isClosed
    },
    until,
    closed: (deadlineMs) => until(() => state.isClosed, deadlineMs),
    close: () => abort.abort(),
  }
}

interface State {
  text: string
  isClosed: boolean
  readonly events: SseEvent[]
}

async function gather(response: Response, state: State): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of response.body ?? []) {
      const text = decoder.decode(chunk, { stream: true })
      state.text += text
      const blocks = (rest + text).split('\n\n')
      rest = blocks.pop() ?? ''
      state.events.push(...blocks.filter((block) => block.includes('data:')).map(parseBlock))
    }
  } catch {
    // Aborted by the test, or disconnected by the server.
  }
  state.isClosed = true
}

function parseBlock(block: string): SseEvent {
  const field = (name: string) =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2)
  return { event: field('event') ?? 'message', id: field('id'), data: JSON.parse(field('data') ?? 'null') }
}
