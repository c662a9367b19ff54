import type { FastifyInstance } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How long a stop waits for answers that are on their way: long enough for a handler, short enough to close the database behind it. */
const graceMs = 5_000

/**
 * Ends connections when the server closes: at once those on which nothing is asked, after a while the others. Browsers open some
 * ahead of need and slow clients send a request, or take an answer, for minutes; Node would wait for both until the stop is cut short.
 */
export function endConnectionsOnClose(app: FastifyInstance): void {
  /** With the number of answers that are owed on each. */
  const open = new Map<Socket, number>()
  let isClosing = false
  app.server.on('connection', (socket) => {
    open.set(socket, 0)
    socket.once('close', () => open.delete(socket))
    if (isClosing) socket.destroy()
  })
  app.server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    open.set(socket, (open.get(socket) ?? 0) + 1)
    response.once('close', () => {
      const owed = open.get(socket)
      if (owed === undefined) return
      open.set(socket, owed - 1)
      // The client may mean to ask again, and was not told otherwise.
      if (isClosing && owed === 1) socket.destroySoon()
    })
  })
  app.addHook('preClose', async () => {
    isClosing = true
    for (const [socket, owed] of open) if (owed === 0) socket.destroy()
    setTimeout(() => cut(app, open), graceMs).unref()
  })
}

function cut(app: FastifyInstance, open: ReadonlyMap<Socket, number>): void {
  if (open.size === 0) return
  app.log.warn({ connections: open.size }, 'Connections were cut: their clients were too slow for the stop.')
  for (const socket of open.keys()) socket.destroy()
}
