import { buildConnector } from 'undici'
import { isAllowedAddress, type AddressRule } from './address.ts'
import { EgressRefused } from './egress-error.ts'
import { isAllowedHost } from './egress-url.ts'
import { guardedLookup, resolveByNameServers, resolveBySystem, type Resolve } from './resolve.ts'

const connectTimeoutMs = 10_000

export interface GuardedConnectorOptions {
  /** How names become addresses; the answers are checked whoever gives them. */
  readonly resolve?: Resolve | undefined
  /** A certificate authority to trust instead of the public ones. */
  readonly ca?: string | undefined
}

/** Connects to addresses that the rule allows: what a name stands for is checked when it is resolved, and is what is connected to. */
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
    // An address needs no lookup, which would check it.
    if (!isAllowedHost(target, rule)) return callback(new EgressRefused('egress-refused-address'), null)
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      // Whatever way led here: nothing is sent to an address that is not allowed.
      if (isAllowedAddress(socket.remoteAddress ?? '', rule)) return callback(null, socket)
      socket.destroy()
      return callback(new EgressRefused('egress-refused-address'), null)
    })
  }
}
