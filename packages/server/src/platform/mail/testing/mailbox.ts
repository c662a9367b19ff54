import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'

export interface Mailbox {
  readonly url: string
  /** The mails that arrived and were not removed yet: headers and text. */
  readonly mails: string[]
  close(): Promise<void>
}

/** A real mail server on loopback that accepts every mail, or refuses every recipient. */
export async function openMailbox({ refuses = false } = {}): Promise<Mailbox> {
  const mails: string[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: (_address, _session, done) => done(refuses ? new Error('no such mailbox') : null),
    onData(stream, _session, done) {
      text(stream).then((raw) => {
        mails.push(decode(raw))
        done()
      }, done)
    },
  })
  server.on('error', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  return { url: urlOf(server.server.address()), mails, close: () => new Promise((resolve) => server.close(resolve)) }
}

/** A mail server that accepts connections and never replies. */
export async function openSilentServer(): Promise<{ readonly url: string; connections(): number; close(): void }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket.on('error', () => undefined))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: urlOf(server.address()),
    connections: () => sockets.length,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

function urlOf(address: ReturnType<SMTPServer['server']['address']>): string {
  if (address === null || typeof address === 'string') throw new Error('The mail server has no port.')
  return `smtp://127.0.0.1:${address.port}`
}

// Decodes quoted-printable, as far as Appstrate's mails need it.
function decode(raw: string): string {
  return raw.replaceAll('\r\n', '\n').replaceAll('=\n', '').replaceAll('=3D', '=')
}
