import type { LookupAddress, LookupOptions } from 'node:dns'
import { lookup, Resolver } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { EgressError, toEgressError } from './egress-error.ts'

/** The addresses of a name. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>

/** The most addresses of one name that are tried. */
const triedMax = 8

/**
 * Asks the name servers directly, by default the machine's own. A slow name server of a user's domain must not block
 * the threads that `getaddrinfo` shares with files and cryptography.
 */
export function resolveByNameServers(servers?: readonly string[]): Resolve {
  return async (name) => {
    // A new resolver each time, because it reads the machine's settings only once.
    const resolver = new Resolver({ timeout: 2_000, tries: 2 })
    if (servers !== undefined) resolver.setServers(servers)
    const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    if (four.status === 'rejected' && six.status === 'rejected') throw four.reason
    return [...addressesIn(four, 4), ...addressesIn(six, 6)]
  }
}

/** Asks the system, which also reads /etc/hosts: for names of local networks. */
export const resolveBySystem: Resolve = (name) => lookup(name, { all: true })

function addressesIn(settled: PromiseSettledResult<string[]>, family: number): LookupAddress[] {
  return settled.status === 'fulfilled' ? settled.value.map((address) => ({ address, family })) : []
}

/** Throws if a name may not be called, given all of its addresses. */
export type CheckAddresses = (addresses: readonly LookupAddress[]) => void

/** The lookup of a connection. It returns only checked addresses, and the connection uses only those. */
export function guardedLookup(resolve: Resolve, check: CheckAddresses): LookupFunction {
  return (name, options, callback) => {
    checkedAddresses(resolve, name, { check, family: options.family }).then(
      ([first, ...others]) =>
        options.all === true ? callback(null, [first, ...others]) : callback(null, first.address, first.family),
      (error: unknown) => callback(toEgressError(error), ''),
    )
  }
}

async function checkedAddresses(
  resolve: Resolve,
  name: string,
  { check, family }: Pick<LookupOptions, 'family'> & { readonly check: CheckAddresses },
): Promise<[LookupAddress, ...LookupAddress[]]> {
  const addresses = await resolve(name).catch((error: unknown) => {
    throw new EgressError('egress-dns', { cause: error })
  })
  check(addresses)
  const wanted = family === 4 || family === 6 ? addresses.filter((one) => one.family === family) : addresses
  const [first, ...others] = wanted.slice(0, triedMax)
  if (first === undefined) throw new EgressError('egress-dns')
  return [first, ...others]
}
