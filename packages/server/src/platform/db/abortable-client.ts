import { Socket } from 'node:net'
import pg from 'pg'
import { changeOptions } from './client-of-pool.ts'

/** A new connection must be open after this long, or another one is tried. */
const connectMaxMs = 3_000

/** A client of the pool whose connection can be ended at once, even while the network loses everything it sends. */
export class AbortableClient extends pg.Client {
  readonly #socket: Socket

  constructor(config: pg.ClientConfig = {}) {
    const socket = new Socket()
    // The pool's own timeout is longer, because it includes the wait for a free connection.
    super(changeOptions(config, { stream: () => socket, connectionTimeoutMillis: connectMaxMs }))
    this.#socket = socket
  }

  /** Ends the connection without a word to the server. Its statements fail. */
  abort(): void {
    this.#socket.destroy()
  }
}
