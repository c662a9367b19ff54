/** How long a client waits before it reconnects. */
const retryMs = 2_000

/** A Server-Sent Event as bytes, encoded once and written to every subscriber. `data` must be JSON on one line. */
export function eventFrame(event: {
  readonly name: string
  readonly id?: string | undefined
  readonly data: string
}): Buffer {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`
  return Buffer.from(`event: ${event.name}\n${id}data: ${event.data}\n\n`)
}

/** Keeps the connection alive. With an id, a reconnect resumes from there even if no event was sent. */
export function pingFrame(id?: string): Buffer {
  return eventFrame({ name: 'ping', id, data: '{}' })
}

/** Tells the client that events up to `id` are skipped, so that it must reload the state. */
export function resyncFrame(id: string | undefined, reason: 'cursor-invalid' | 'cursor-too-old'): Buffer {
  return eventFrame({ name: 'resync', id, data: JSON.stringify({ reason }) })
}

/** Tells the client how long to wait before it reconnects. */
export const retryHint = Buffer.from(`retry: ${retryMs}\n\n`)

/** Final frame of a stream that the server closes early; tells the client to reconnect. */
export const goodbye = Buffer.from(`: reconnect to continue\nretry: ${retryMs}\n\n`)
