import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { buildConnector } from 'undici'
import { isNamedDestination, verdictOf, type AddressPolicy } from './address-policy.ts'
import type { Destination } from '../addresses/destination.ts'
import { EgressError, EgressRefused } from './egress-error.ts'
import { isLocalName } from './egress-url.ts'
import { guardedLookup, resolveByNameServers, resolveBySystem, type Resolve } from './resolve.ts'

const connectTimeoutMs = 10_000

/** Which addresses a connector connects to. `local` includes the public ones: a name may have both. */
export type Reach = 'public' | 'local'

export interface GuardedConnectorOptions {
  readonly policy: AddressPolicy
  /** Resolves names to addresses. The results are always checked. */
  readonly resolve?: Resolve | undefined
  /** A certificate authority to trust instead of the public ones. */
  readonly ca?: string | undefined
}

/** The policy allows the addresses of a name, but they are not all public: another connector may connect to them. */
export class InternalName extends EgressError {
  override readonly name = 'InternalName'
}

/** Connects to a destination if the policy allows it. A name is checked when it resolves; only the result is used. */
export function guardedConnector(
  destination: Destination,
  reach: Reach,
  { policy, resolve, ca }: GuardedConnectorOptions,
): buildConnector.connector {
  const isAllowed = (address: string) => {
    const verdict = verdictOf(policy, address, destination)
    return verdict === 'public' || (verdict === 'internal' && reach === 'local')
  }
  const refuseOthers = (addresses: readonly LookupAddress[]) => {
    // One refused address refuses the name: no public service also has private addresses.
    if (addresses.some(({ address }) => verdictOf(policy, address, destination) === 'refused'))
      throw new EgressRefused('egress-refused-name')
    if (!addresses.every(({ address }) => isAllowed(address))) throw new InternalName('egress-refused-name')
  }
  const lookup = guardedLookup(resolve ?? (reach === 'local' ? resolveBySystem : resolveByNameServers()), refuseOthers)
  const connect = buildConnector({
    lookup,
    timeout: connectTimeoutMs,
    allowH2: false,
    ...(ca === undefined ? {} : { ca }),
  })
  return (target, callback) => {
    // An address needs no lookup, so it must be checked here.
    const isRefused =
      isIP(destination.host) === 0
        ? isLocalName(destination) && !(policy.allowPrivate || isNamedDestination(policy, destination))
        : !isAllowed(destination.host)
    if (isRefused) return callback(new EgressRefused('egress-refused-address'), null)
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      // Check again after connecting, so that nothing is sent to an address that is not allowed.
      if (isAllowed(socket.remoteAddress ?? '')) return callback(null, socket)
      socket.destroy()
      return callback(new EgressRefused('egress-refused-address'), null)
    })
  }
}
