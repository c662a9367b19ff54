import ipaddr from 'ipaddr.js'
import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Which proxies' `X-Forwarded-For` is believed. */
export interface TrustedProxies {
  /** True if the address is of a proxy. */
  has(address: string): boolean
}

const rangesByWord: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

/** Reads the items of TRUST_PROXY, which are already checked. */
export function trustedProxies(items: readonly string[]): TrustedProxies {
  if (items.includes('true')) return { has: () => true }
  const list = new BlockList()
  for (const item of items.flatMap((word) => rangesByWord[word] ?? [word])) {
    const [text = '', bits] = item.split('/')
    const address = bits === undefined ? (parseAddress(text) ?? text) : text
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    list.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family)
  }
  return { has: (address) => list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6') }
}

/**
 * The address of the client: the socket's, or the one that trusted proxies report in `X-Forwarded-For`. If a trusted
 * part of that header is not an address, the whole header is ignored.
 */
export function clientAddress({ socket, headers }: IncomingMessage, proxies: TrustedProxies): string {
  const ofSocket = parseAddress(socket.remoteAddress ?? '') ?? '0.0.0.0'
  const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',')
  if (forwarded === '') return ofSocket
  let address = ofSocket
  for (const part of forwarded.split(',').reverse()) {
    if (!proxies.has(address)) return address
    const reported = parseAddress(part.trim())
    if (reported === undefined) return ofSocket
    address = reported
  }
  return address
}

/**
 * The usual form of an address, so that each has one: IPv6 compressed and without its zone, an IPv4-mapped address as
 * IPv4. A port, which some proxies add, is dropped. Undefined for any other text.
 */
export function parseAddress(text: string): string | undefined {
  if (text.length > 80) return undefined
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text
  const [address = ''] = bare.split('%', 1)
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return undefined
  const parsed = ipaddr.IPv6.parse(address)
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toString()
}

/**
 * The part of an address that limits count as one caller: a provider gives each customer a whole IPv6 /64, so a single
 * IPv6 address is as good as none.
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const groups = ipaddr.IPv6.parse(address).parts.slice(0, 4)
  return `${groups.map((group) => group.toString(16)).join(':')}::/64`
}
