/** Why a connection to the provider failed. */
export type ConnectionFailure =
  | 'BLOCKED_URL'
  | 'DNS_ERROR'
  | 'CONNECTION_REFUSED'
  | 'CONNECTION_RESET'
  | 'TLS_ERROR'
  | 'TIMEOUT'
  | 'NETWORK_ERROR'

const failureCodes: Readonly<Record<string, ConnectionFailure>> = {
  'egress-refused-address': 'BLOCKED_URL',
  'egress-refused-name': 'DNS_ERROR',
  'egress-dns': 'DNS_ERROR',
  ENOTFOUND: 'DNS_ERROR',
  EAI_AGAIN: 'DNS_ERROR',
  EAI_FAIL: 'DNS_ERROR',
  ECONNREFUSED: 'CONNECTION_REFUSED',
  ECONNRESET: 'CONNECTION_RESET',
  EPIPE: 'CONNECTION_RESET',
  UND_ERR_SOCKET: 'CONNECTION_RESET',
  ETIMEDOUT: 'TIMEOUT',
  UND_ERR_CONNECT_TIMEOUT: 'TIMEOUT',
  UND_ERR_HEADERS_TIMEOUT: 'TIMEOUT',
  UND_ERR_BODY_TIMEOUT: 'TIMEOUT',
  EPROTO: 'TLS_ERROR',
  CERT_HAS_EXPIRED: 'TLS_ERROR',
  CERT_NOT_YET_VALID: 'TLS_ERROR',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'TLS_ERROR',
  SELF_SIGNED_CERT_IN_CHAIN: 'TLS_ERROR',
  UNABLE_TO_GET_ISSUER_CERT: 'TLS_ERROR',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'TLS_ERROR',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'TLS_ERROR',
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

/** Derives the failure from the error codes of an error and its causes. */
export function connectionFailureOf(error: unknown): ConnectionFailure {
  for (const code of codesOf(error)) {
    const known = failureCodes[code]
    if (known !== undefined) return known
    if (/^ERR_(TLS|SSL)_/.test(code)) return 'TLS_ERROR'
  }
  return 'NETWORK_ERROR'
}

/** The failure as one sentence for people. */
export function describeConnectionFailure(failure: ConnectionFailure): string {
  return texts[failure]
}

/** True if the failure is from before a connection was made: it says nothing about the server at the address. */
export function isBeforeConnection(failure: ConnectionFailure): boolean {
  return failure === 'BLOCKED_URL' || failure === 'DNS_ERROR'
}

/** What users see of any failure at an internal address. They must not learn what listens there, and what it says. */
export const hiddenFailure =
  'The model server did not give a usable answer. Its address is internal, so the reason is not shown: ' +
  "this server's operator finds it in the log."

const causesMax = 8

function codesOf(error: unknown): string[] {
  const codes: string[] = []
  const queue: unknown[] = [error]
  for (let next = 0; next < queue.length && next < causesMax; next += 1) {
    const current = queue[next]
    if (!(current instanceof Error)) continue
    if ('code' in current && typeof current.code === 'string') codes.push(current.code)
    const inner: readonly unknown[] = current instanceof AggregateError ? current.errors : []
    queue.push(current.cause, ...inner)
  }
  return codes
}
