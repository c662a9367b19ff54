import { isIP } from 'node:net'
import { isInRange, parseRange, type AddressKind, type AddressRange } from './address.ts'
import { destinationOf, type Destination } from './destination.ts'

/** An entry of EGRESS_ALLOW: a name, an address or a range, and a port. */
export type AllowedDestination = { readonly port: number | 'any' } & (
  | { readonly name: string }
  | { readonly range: AddressRange; readonly isOneAddress: boolean }
)

const example = 'such as ollama:11434, 10.1.2.3:8080, 10.0.0.0/8:443, [fd00::1]:443 or vllm.internal:*'

/** The destination of a text `host:port`. Throws an Error whose message completes "EGRESS_ALLOW …". */
export function parseAllowedDestination(text: string): AllowedDestination {
  const [, bracketed, plain = '', portText = ''] = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5}|\*)$/.exec(text) ?? []
  const port = portText === '*' ? 'any' : Number(portText)
  const host = bracketed === undefined ? hostOf(plain) : rangeOf(bracketed, 'ipv6')
  if (host === undefined || (port !== 'any' && (port < 1 || port > 65_535))) throw mistake(text)
  return { ...host, port }
}

function rangeOf(text: string, family: 'ipv4' | 'ipv6') {
  const range = parseRange(text)
  return range?.[0].kind() === family ? { range, isOneAddress: !text.includes('/') } : undefined
}

// Refuses other spellings of an address, such as 127.1.
function hostOf(text: string) {
  const range = rangeOf(text, 'ipv4')
  const url = `http://${text}`
  if (range !== undefined || !/^[\w.-]+$/.test(text) || !URL.canParse(url)) return range
  const { host } = destinationOf(new URL(url))
  return isIP(host) === 0 ? { name: host } : undefined
}

function mistake(text: string): Error {
  return new Error(`must be hosts with ports, ${example}, not ${JSON.stringify(text)}`)
}

/** True if the entry names the host of a URL, or a range that its address is in. */
export function isNamed(entry: AllowedDestination, { host, port }: Destination): boolean {
  if (!isPort(entry, port)) return false
  return 'name' in entry ? entry.name === host : isInRange(host, entry.range)
}

/**
 * True if the entry opens an address that a destination has. A name opens the local addresses that it resolves to. A
 * range opens all its addresses except metadata services, which must be named by their own address.
 */
export function opens(
  entry: AllowedDestination,
  { address, kind }: { readonly address: string; readonly kind: AddressKind },
  { host, port }: Destination,
): boolean {
  if (!isPort(entry, port)) return false
  if ('name' in entry) return entry.name === host && kind === 'local'
  return isInRange(address, entry.range) && (entry.isOneAddress || kind !== 'metadata')
}

function isPort(entry: AllowedDestination, port: number): boolean {
  return entry.port === 'any' || entry.port === port
}
