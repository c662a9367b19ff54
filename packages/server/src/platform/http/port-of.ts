import type { AddressInfo } from 'node:net'

/** The port of a listening server's address. Throws an Error for a server that does not listen on a TCP port. */
export function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a TCP port.')
  return address.port
}
