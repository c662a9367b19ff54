import ipaddr from 'ipaddr.js'

/** Which addresses may be called. */
export interface AddressRule {
  /** Also allows loopback and private addresses; for local use only. */
  readonly allowLocal: boolean
}

/** Ranges of a local network that local use may reach. */
const localRanges: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat'])

// Cloud metadata services, which return credentials. Some are in ranges that are otherwise public or private.
const metadataAddresses: ReadonlySet<string> = new Set(
  ['169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254'].map(
    (address) => ipaddr.parse(address).toNormalizedString(),
  ),
)

/** The public IPv6 addresses (RFC 4291); non-public ranges within it are recognised separately. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/** True if a connection to the address is allowed. False for a text that is not an address. */
export function isAllowedAddress(text: string, { allowLocal }: AddressRule): boolean {
  // Forms such as 127.1 and 0x7f000001 cannot occur here: the URL parser has normalised them.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return false
  const address = ipaddr.parse(text)
  if (metadataAddresses.has(address.toNormalizedString())) return false
  const range = address.range()
  if (allowLocal && localRanges.has(range)) return true
  // IPv6 that embeds an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) matches none of these ranges.
  return range === 'unicast' && (address.kind() === 'ipv4' || address.match(globalUnicast))
}
