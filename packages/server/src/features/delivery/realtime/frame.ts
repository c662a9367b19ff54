/** How long a client waits before it reconnects. */
const retryMs = 2_000

/** A Server-Sent Event as bytes, made once and written to every subscriber. `data` must be JSON on one line. */
export function eventFrame(event: {
  readonly name: string
  readonly id?: string | undefined
  readonly data: string
}): Buffer {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`
  return Buffer.from(`event: ${event.name}\n${id}data: ${event.data}\n\n`)
}

/** Keeps the connection alive. With an id, a reconnect resumes from there although no event came. */
export function pingFrame(id?: string): Buffer {
  return eventFrame({ name: 'ping', id, data: '{}' })
}

/** The events between the client's cursor and `id` are not sent: the client has to read the state anew. */
export function resyncFrame(id: string | undefined, reason: 'cursor-invalid' | 'cursor-too-old'): Buffer {
  return eventFrame({ name: 'resync', id, data: JSON.stringify({ reason }) })
}

/** Tells the client how long to wait before it reconnects. */
export const retryHint = Buffer.from(`retry: ${retryMs}\n\n`)

/** The last words to a stream that the server ends although there is more to come. */
export const goodbye = Buffer.from(`: reconnect to go on\nretry: ${retryMs}\n\n`)
