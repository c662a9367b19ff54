import { egressCodeOf, hiddenFailure as hidden, type EgressCode } from '../../../../platform/egress/egress.ts'

/** Why a connection to the provider failed. */
export type ConnectionFailure =
  | 'BLOCKED_URL'
  | 'DNS_ERROR'
  | 'CONNECTION_REFUSED'
  | 'CONNECTION_RESET'
  | 'TLS_ERROR'
  | 'TIMEOUT'
  | 'NETWORK_ERROR'

const failures: Readonly<Record<EgressCode, ConnectionFailure>> = {
  'egress-refused-url': 'BLOCKED_URL',
  'egress-refused-address': 'BLOCKED_URL',
  'egress-refused-name': 'DNS_ERROR',
  'egress-dns': 'DNS_ERROR',
  'egress-timeout': 'TIMEOUT',
  'egress-connection-refused': 'CONNECTION_REFUSED',
  'egress-unreachable': 'NETWORK_ERROR',
  'egress-connection-lost': 'CONNECTION_RESET',
  'egress-tls': 'TLS_ERROR',
  'egress-bad-reply': 'NETWORK_ERROR',
  'egress-aborted': 'NETWORK_ERROR',
  'egress-failed': 'NETWORK_ERROR',
}

const texts: Readonly<Record<ConnectionFailure, string>> = {
  BLOCKED_URL:
    "The provider's address must not be called: it is not public. " +
    "This server's operator can allow it with EGRESS_ALLOW.",
  DNS_ERROR: "The provider's host name does not resolve to an address that this server may call.",
  CONNECTION_REFUSED: 'The provider refused the connection.',
  CONNECTION_RESET: 'The connection to the provider was lost.',
  TLS_ERROR: 'A secure connection to the provider could not be established.',
  TIMEOUT: 'The provider did not answer in time.',
  NETWORK_ERROR: 'The provider cannot be reached.',
}

/** The failure that an error or one of its causes reports. */
export function connectionFailureOf(error: unknown): ConnectionFailure {
  return failures[egressCodeOf(error)]
}

/** The failure as one sentence for people. */
export function describeConnectionFailure(failure: ConnectionFailure): string {
  return texts[failure]
}

/** What users see of any failure at an internal address. */
export const hiddenFailure = hidden('The model server did not give a usable answer.')
