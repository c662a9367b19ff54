import ipaddr from 'ipaddr.js'

/** Which addresses may be called. */
export interface AddressRule {
  /** Also loopback and private ones: for local use only. */
  readonly allowLocal: boolean
}

/** Ranges of a local network that local use may reach. */
const localRanges: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat'])

// Clouds hand out credentials here; some of these lie in ranges that are otherwise public or private.
const metadataAddresses: ReadonlySet<string> = new Set(
  ['169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254'].map(
    (address) => ipaddr.parse(address).toNormalizedString(),
  ),
)

/** All of IPv6 that is handed out to the public (RFC 4291); what is not public in it has a range of its own. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/** True when a connection to the address is allowed. A text that is no address is not. */
export function isAllowedAddress(text: string, { allowLocal }: AddressRule): boolean {
  // Forms such as 127.1 and 0x7f000001 never get here: the URL parser has normalised them.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return false
  const address = ipaddr.parse(text)
  if (metadataAddresses.has(address.toNormalizedString())) return false
  const range = address.range()
  if (allowLocal && localRanges.has(range)) return true
  // IPv6 that carries an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) is of none of these ranges.
  return range === 'unicast' && (address.kind() === 'ipv4' || address.match(globalUnicast))
}
