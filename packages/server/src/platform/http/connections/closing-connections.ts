import type { FastifyInstance } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How long a stop waits for unfinished responses: enough for a handler, and leaves time to close the database. */
const graceMs = 5_000

/**
 * Ends connections when the server closes: idle ones at once, the others after a grace period. Browsers open spare
 * connections, and slow clients need minutes for a request or a response. Node would wait for both.
 */
export function endConnectionsOnClose(app: FastifyInstance): void {
  /** The number of unfinished responses on each connection. */
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
      const unfinished = open.get(socket)
      if (unfinished === undefined) return
      open.set(socket, unfinished - 1)
      // The client may reuse this keep-alive connection; we never sent `Connection: close`.
      if (isClosing && unfinished === 1) socket.destroySoon()
    })
  })
  app.addHook('preClose', async () => {
    isClosing = true
    for (const [socket, unfinished] of open) if (unfinished === 0) socket.destroy()
    setTimeout(() => cut(app, open), graceMs).unref()
  })
}

function cut(app: FastifyInstance, open: ReadonlyMap<Socket, number>): void {
  if (open.size === 0) return
  app.log.warn({ connections: open.size }, 'Connections were closed: their clients were too slow during the stop.')
  for (const socket of open.keys()) socket.destroy()
}
