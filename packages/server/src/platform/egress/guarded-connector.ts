import { buildConnector } from 'undici'
import { isAllowedAddress, type AddressRule } from './address.ts'
import { EgressRefused } from './egress-error.ts'
import { isAllowedHost } from './egress-url.ts'
import { guardedLookup, resolveByNameServers, resolveBySystem, type Resolve } from './resolve.ts'

const connectTimeoutMs = 10_000

export interface GuardedConnectorOptions {
  /** Resolves names to addresses. The results are always checked. */
  readonly resolve?: Resolve | undefined
  /** A certificate authority to trust instead of the public ones. */
  readonly ca?: string | undefined
}

/** Connects only to addresses that the rule allows. A name is checked when it resolves; only the result is used. */
export function guardedConnector(
  rule: AddressRule,
  { resolve, ca }: GuardedConnectorOptions = {},
): buildConnector.connector {
  const lookup = guardedLookup(resolve ?? (rule.allowLocal ? resolveBySystem : resolveByNameServers()), rule)
  const connect = buildConnector({
    lookup,
    timeout: connectTimeoutMs,
    allowH2: false,
    ...(ca === undefined ? {} : { ca }),
  })
  return (target, callback) => {
    // An address needs no lookup, so it must be checked here.
    if (!isAllowedHost(target, rule)) return callback(new EgressRefused('egress-refused-address'), null)
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      // Check again after connecting, so that nothing is sent to an address that is not allowed.
      if (isAllowedAddress(socket.remoteAddress ?? '', rule)) return callback(null, socket)
      socket.destroy()
      return callback(new EgressRefused('egress-refused-address'), null)
    })
  }
}
