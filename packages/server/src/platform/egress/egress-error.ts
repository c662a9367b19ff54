import { errors } from 'undici'

const unresolved = 'The name does not resolve to an address that may be called.'

/** Why a call got no reply; each with a message that is safe to show to the owner of the URL. */
const reasons = {
  'egress-refused-url': 'The URL may not be called.',
  'egress-refused-address': 'The address may not be called: it is not public.',
  // The same as egress-dns: a caller must not learn which names exist in the server's network.
  'egress-refused-name': unresolved,
  'egress-dns': unresolved,
  'egress-timeout': 'The reply was not complete in time.',
  'egress-connection-refused': 'The connection was refused.',
  'egress-unreachable': 'The address could not be reached.',
  'egress-connection-lost': 'The connection was closed before the reply was complete.',
  'egress-tls': 'No trusted TLS connection could be established.',
  'egress-bad-reply': 'The reply was not valid HTTP, or its headers were too large.',
  'egress-aborted': 'The call was aborted.',
  'egress-failed': 'The call failed.',
} as const

export type EgressCode = keyof typeof reasons

/** A call that got no reply. Its message has no internal details; the cause is for the log. */
export class EgressError extends Error {
  override readonly name: string = 'EgressError'
  readonly code: EgressCode

  constructor(code: EgressCode, options: { readonly message?: string; readonly cause?: unknown } = {}) {
    super(options.message ?? reasons[code], { cause: options.cause })
    this.code = code
  }
}

/** The guard refused the call. A retry does not help until the URL or its DNS records change. */
export class EgressRefused extends EgressError {
  override readonly name = 'EgressRefused'
}

/** True if the failure is from before a connection was made: it says nothing about the server at the address. */
export function isBeforeConnection(error: unknown): boolean {
  const code = egressCodeOf(error)
  return code === 'egress-dns' || code.startsWith('egress-refused-')
}

/** What users see of any failure at an internal address. They must not learn what listens there, and what it says. */
export function hiddenFailure(what: string): string {
  return `${what} Its address is internal, so the reason is not shown: ` + "this server's operator finds it in the log."
}

const codes: ReadonlyMap<string, EgressCode> = new Map([
  ['ECONNREFUSED', 'egress-connection-refused'],
  ['EHOSTUNREACH', 'egress-unreachable'],
  ['ENETUNREACH', 'egress-unreachable'],
  ['EADDRNOTAVAIL', 'egress-unreachable'],
  ['ETIMEDOUT', 'egress-timeout'],
  ['UND_ERR_CONNECT_TIMEOUT', 'egress-timeout'],
  ['UND_ERR_HEADERS_TIMEOUT', 'egress-timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'egress-timeout'],
  ['ECONNRESET', 'egress-connection-lost'],
  ['EPIPE', 'egress-connection-lost'],
  ['UND_ERR_SOCKET', 'egress-connection-lost'],
  ['UND_ERR_HEADERS_OVERFLOW', 'egress-bad-reply'],
  ['EPROTO', 'egress-tls'],
])

/** Converts the error of a failed call to an EgressError. */
export function toEgressError(error: unknown): EgressError {
  return error instanceof EgressError ? error : new EgressError(egressCodeOf(error), { cause: error })
}

/** Why a call failed, from the first known code of its error and the error's causes. */
export function egressCodeOf(error: unknown): EgressCode {
  for (const cause of withCauses(error)) {
    const code = ownCodeOf(cause)
    if (code !== undefined) return code
  }
  return 'egress-failed'
}

function ownCodeOf(error: Error): EgressCode | undefined {
  if (error instanceof EgressError) return error.code
  // Not all errors of the parser have a code.
  if (error instanceof errors.HTTPParserError) return 'egress-bad-reply'
  const code = 'code' in error ? String(error.code) : ''
  return codes.get(code) ?? codeByFamily(code)
}

function codeByFamily(code: string): EgressCode | undefined {
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA|CRL_)/.test(code))
    return 'egress-tls'
  return code.startsWith('HPE_') ? 'egress-bad-reply' : undefined
}

const causesMax = 8

/** The error, its causes and their parts, nearest first. */
function withCauses(error: unknown): readonly Error[] {
  const found: Error[] = []
  const queue: unknown[] = [error]
  for (let next = 0; next < queue.length && next < causesMax; next += 1) {
    const current = queue[next]
    if (!(current instanceof Error)) continue
    found.push(current)
    const parts: readonly unknown[] = current instanceof AggregateError ? current.errors.slice(0, causesMax) : []
    queue.push(current.cause, ...parts)
  }
  return found
}
