import { isIP } from 'node:net'
import { isNamedDestination, verdictOf, type AddressPolicy } from './address-policy.ts'
import { destinationOf, type Destination } from '../addresses/destination.ts'

const urlCharactersMax = 2_000

/**
 * The mistake in a URL to call, as the end of "url …"; undefined if it may be called. Names are resolved and checked
 * at connect time. http is for local use: where private addresses are allowed, or EGRESS_ALLOW names the host.
 */
export function findUrlMistake(text: string, policy: AddressPolicy): string | undefined {
  if (text.length > urlCharactersMax) return `must not have more than ${urlCharactersMax} characters`
  const url = URL.canParse(text) ? new URL(text) : undefined
  const protocols = url !== undefined && allowsHttp(policy, url) ? ['https', 'http'] : ['https']
  if (url === undefined || !protocols.includes(url.protocol.slice(0, -1)))
    return `must be an ${protocols.toReversed().join(' or ')} URL`
  const mistake = text.includes('#') ? 'must not have a fragment' : findTextMistake(text)
  return mistake ?? (isCallableHost(url, policy) ? undefined : hostMistake)
}

function allowsHttp(policy: AddressPolicy, url: URL): boolean {
  return policy.allowPrivate || isNamedDestination(policy, destinationOf(url))
}

/** Why a URL's host is refused, as the end of "url …": the same for every such host. */
export const hostMistake =
  'must name a public host: loopback, private and reserved addresses are refused, ' +
  "unless this server's operator allows them with EGRESS_ALLOW"

/**
 * The mistake in the text of a URL that can be parsed: what the parser silently removes or changes, so that a
 * reader and the parser could see different hosts or paths. As the end of "url …".
 */
export function findTextMistake(text: string): string | undefined {
  if (/[\s\p{Cc}\p{Cf}\\]/u.test(text)) return 'must not contain white space, control characters or backslashes'
  const [, authority] = /^[a-z]+:\/\/([^/?#]+)/i.exec(text) ?? []
  if (authority === undefined) return 'must begin with https:// or http:// and a host'
  if (authority.includes('@')) return 'must not contain credentials'
  return destinationOf(new URL(text)).port === 0 ? 'must not have port 0' : undefined
}

/** False for an address or a local name that the policy refuses. Other names are checked when they resolve. */
export function isCallableHost(url: Parameters<typeof destinationOf>[0], policy: AddressPolicy): boolean {
  const destination = destinationOf(url)
  if (isIP(destination.host) !== 0) return verdictOf(policy, destination.host, destination) !== 'refused'
  return !isLocalName(destination) || policy.allowPrivate || isNamedDestination(policy, destination)
}

/** True for `localhost` and the names below it, which are loopback without a name server. */
export function isLocalName({ host }: Destination): boolean {
  return /(^|\.)localhost$/.test(host)
}
