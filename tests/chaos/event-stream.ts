import { setTimeout as sleep } from 'node:timers/promises'
import { terminalStatuses, type Body } from '../client.ts'

/** An event of a run as a stream sent it. */
export interface StreamedEvent {
  readonly id: string
  readonly type: string
  readonly data: Body
}

export interface StreamReader {
  readonly events: readonly StreamedEvent[]
  /** How often the stream was opened. */
  readonly opened: () => number
  /** Resolves when the stream has sent the end of the run, or was refused for good. */
  readonly done: Promise<void>
  close(): void
}

interface Where {
  /** The URL to open next. */
  readonly url: () => string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Follows the events of a run. Unlike an EventSource it also opens the stream again after a 503, at another node, as
 * clients behind a balancer do.
 */
export function readRunStream({ url, headers }: Where): StreamReader {
  const events: StreamedEvent[] = []
  const stop = new AbortController()
  let opened = 0
  const readOnce = async (): Promise<'ended' | 'refused' | 'broken'> => {
    const last = events.at(-1)?.id
    const response = await fetch(url(), {
      headers: { ...headers, ...(last === undefined ? {} : { 'last-event-id': last }) },
      signal: stop.signal,
    })
    if (!response.ok || response.body === null)
      return response.status >= 500 || response.status === 429 ? 'broken' : 'refused'
    opened += 1
    return (await readEvents(response.body)) ? 'ended' : 'broken'
  }
  /** Returns true when the run has ended. */
  const readEvents = async (body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<boolean> => {
    let rest = ''
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const frames = (rest + text).split('\n\n')
      rest = frames.pop() ?? ''
      for (const event of frames.flatMap(parseFrame)) {
        events.push(event)
        if (event.type === 'run_update' && terminalStatuses.includes(event.data.status)) return true
      }
    }
    return false
  }
  const read = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      if ((await readOnce().catch(() => 'broken')) !== 'broken') return
      await sleep(100)
    }
  }
  return { events, opened: () => opened, done: read(), close: () => stop.abort() }
}

function parseFrame(frame: string): StreamedEvent[] {
  const fields = new Map(
    frame.split('\n').map((line): [string, string] => {
      const at = line.indexOf(': ')
      return [line.slice(0, at), line.slice(at + 2)]
    }),
  )
  const [id, type, data] = [fields.get('id'), fields.get('event'), fields.get('data')]
  if (id === undefined || data === undefined || (type !== 'run_update' && type !== 'run_log')) return []
  return [{ id, type, data: JSON.parse(data) }]
}
