import ipaddr from 'ipaddr.js'

/**
 * What an address is: `public`; `local` for loopback and private networks; `metadata` for the services of clouds that
 * return credentials; `special` for every other address (link-local, multicast, reserved, IPv4 within IPv6); `none` for
 * a text that is not an address.
 */
export type AddressKind = 'public' | 'local' | 'metadata' | 'special' | 'none'

/** Ranges of loopback and of private networks. */
const localRanges: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat'])

// Some are in ranges that are otherwise public or private.
const metadataRanges = [
  '169.254.169.254/32',
  '169.254.170.2/32',
  '169.254.170.23/32',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::/32',
  'fd20:ce::/32',
].map((range) => ipaddr.parseCIDR(range))

/** The public IPv6 addresses (RFC 4291); non-public ranges within it are recognised separately. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/** The kind of an address. */
export function addressKind(text: string): AddressKind {
  const address = parseAddress(text)
  if (address === undefined) return 'none'
  if (metadataRanges.some((range) => isWithin(address, range))) return 'metadata'
  const range = address.range()
  if (localRanges.has(range)) return 'local'
  // IPv6 that embeds an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) is in none of these ranges.
  const isPublic = range === 'unicast' && (address.kind() === 'ipv4' || address.match(globalUnicast))
  return isPublic ? 'public' : 'special'
}

type Address = ipaddr.IPv4 | ipaddr.IPv6
/** An address and the number of its leading bits that a range shares. */
export type AddressRange = [Address, number]

/** The range of a text such as `10.0.0.0/8`; an address is a range of one. Undefined for other texts. */
export function parseRange(text: string): AddressRange | undefined {
  const [first = '', bits, ...rest] = text.split('/')
  const address = parseAddress(first)
  if (address === undefined || rest.length > 0) return undefined
  const bitsMax = address.kind() === 'ipv4' ? 32 : 128
  if (bits === undefined) return [address, bitsMax]
  return /^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax ? [address, Number(bits)] : undefined
}

/** True if the address is in the range. */
export function isInRange(text: string, range: AddressRange): boolean {
  const address = parseAddress(text)
  return address !== undefined && isWithin(address, range)
}

/** True for a loopback address and for `localhost`. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || parseAddress(host)?.range() === 'loopback'
}

function isWithin(address: Address, [start, bits]: AddressRange): boolean {
  return address.kind() === start.kind() && address.match(start, bits)
}

// Forms such as 127.1 and 0x7f000001 are no addresses here: the URL parser has normalised them.
function parseAddress(text: string): Address | undefined {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text) ? ipaddr.parse(text) : undefined
}
