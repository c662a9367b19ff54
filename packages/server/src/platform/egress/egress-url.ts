import { isIP } from 'node:net'
import { isAllowedAddress, type AddressRule } from './address.ts'

const urlCharactersMax = 2_000

/**
 * The mistake in a URL to call, as the end of "url …"; undefined if it may be called. Names are resolved and checked
 * at connect time.
 */
export function findUrlMistake(text: string, rule: AddressRule): string | undefined {
  if (text.length > urlCharactersMax) return `must not have more than ${urlCharactersMax} characters`
  const protocols = rule.allowLocal ? ['https:', 'http:'] : ['https:']
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !protocols.includes(url.protocol))
    return `must be an ${rule.allowLocal ? 'http or ' : ''}https URL`
  return (
    findPartMistake(url) ??
    (isAllowedHost(url, rule)
      ? undefined
      : 'must name a public host: loopback, private and reserved addresses are refused')
  )
}

function findPartMistake({ username, password, hash, port }: URL): string | undefined {
  if (username !== '' || password !== '') return 'must not contain credentials'
  if (hash !== '') return 'must not have a fragment'
  return port === '0' ? 'must not have port 0' : undefined
}

/** False for an address or a local name that the rule does not allow. Other names are checked when they resolve. */
export function isAllowedHost(url: Pick<URL, 'hostname'>, rule: AddressRule): boolean {
  const host = hostOf(url)
  if (isIP(host) !== 0) return isAllowedAddress(host, rule)
  return rule.allowLocal || !/(^|\.)localhost$/.test(host)
}

/** The name or address of a parsed URL, without brackets and without the trailing dot of a full name. */
function hostOf({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
}
