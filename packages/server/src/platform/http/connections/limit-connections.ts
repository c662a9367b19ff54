import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { networkOf, parseAddress, type TrustedProxies } from './client-address.ts'

export interface ConnectionLimit {
  readonly perAddressMax: number
  /** Proxies, whose connections carry the requests of many clients: they are not counted. */
  readonly proxies: TrustedProxies
  /** Answers and closes a connection above the limit. */
  refuse(socket: Socket): void
}

/** Bounds the open connections of each address, or of each IPv6 /64. */
export function limitConnections(server: Server, { perAddressMax, proxies, refuse }: ConnectionLimit): void {
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const address = parseAddress(socket.remoteAddress ?? '')
    if (address === undefined || proxies.has(address)) return
    const network = networkOf(address)
    const count = (open.get(network) ?? 0) + 1
    open.set(network, count)
    socket.once('close', () => {
      const rest = (open.get(network) ?? 1) - 1
      if (rest === 0) open.delete(network)
      else open.set(network, rest)
    })
    if (count > perAddressMax) refuse(socket)
  })
}
