/** The host and the port of a URL. */
export interface Destination {
  /** A name or an address, without brackets and without the trailing dot of a full name. */
  readonly host: string
  readonly port: number
}

/** The destination of a parsed URL, or of the target of a connection. */
export function destinationOf({
  hostname,
  port,
  protocol,
}: {
  readonly hostname: string
  readonly port: string
  readonly protocol: string
}): Destination {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  return { host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) }
}
