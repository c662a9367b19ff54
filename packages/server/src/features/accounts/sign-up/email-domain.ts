import { domainToASCII } from 'node:url'

/** A domain in the form in which domains are compared: lower case, Punycode. Empty if it is none. */
function comparableDomain(domain: string): string {
  return domainToASCII(domain.normalize('NFKC').toLowerCase())
}

/** Accepts a domain such as `example.com`, or `*.example.com` for its sub-domains alone. Throws an Error. */
export function checkDomainPattern(pattern: string): void {
  const domain = pattern.replace(/^\*\./, '')
  const labels = comparableDomain(domain).split('.')
  const isDomain = labels.length > 1 && labels.every((label) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label))
  if (!isDomain || domain.includes('*'))
    throw new Error(`must be domains such as example.com or *.example.com, not ${JSON.stringify(pattern)}`)
}

/** Whether the domain of an e-mail address matches one of the patterns. Every address does if there are none. */
export function isAllowedAddress(email: string, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return true
  const domain = comparableDomain(email.slice(email.lastIndexOf('@') + 1))
  return patterns.some((pattern) => {
    const parent = comparableDomain(pattern.replace(/^\*\./, ''))
    return pattern.startsWith('*.') ? domain.endsWith(`.${parent}`) : domain === parent
  })
}
