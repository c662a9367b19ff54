import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { revealDatabaseFailures } from '../../../platform/db/database-failure.ts'
import { toHeaders } from '../../../platform/http/admit.ts'
import { hijacked, type AnyCall } from '../../../platform/http/endpoint.ts'
import { problem, type Problem, type ProblemCode } from '../../../platform/problems/problem.ts'
import { appUrl, trustedOrigins } from '../../../platform/open-platform.ts'
import type { Platform } from '../../../platform/platform.ts'
import { authLibrary } from './auth-library.ts'
import { clientIpHeader, requestIdHeader } from './auth-request.ts'
import { suspendedUserCode } from '../suspensions/index.ts'
import { accountRefusalCodes } from './account-gate.ts'
import { weakPasswordCode } from './passwords/new-passwords.ts'
import { tooManyPasswordsCode } from './passwords/password-attempts.ts'
import { reauthenticationCode } from './sessions/reauthentication.ts'

type Http = Pick<AnyCall, 'request' | 'reply' | 'platform'>

interface ForwardedRequest {
  readonly method: 'GET' | 'POST'
  /** The JSON text of the body. */
  readonly body?: string | Uint8Array<ArrayBuffer>
}

/** Calls the auth library and sets its cookies on the reply. Throws a problem if it refuses, an Error if it fails. */
export function callLibrary(http: Http, forwarded: ForwardedRequest): Promise<Response> {
  return revealDatabaseFailures(async () => {
    const response = await http.platform
      .use(authLibrary)
      .handle(toWebRequest(http, forwarded))
      .catch(refuseJustSuspended)
    const cookies = response.headers.getSetCookie()
    if (cookies.length > 0) void http.reply.header('set-cookie', cookies)
    if (response.status >= 400) throw await toProblem(response, http.platform)
    return response
  })
}

// The user was suspended after the library had asked whether they are: a trigger refuses the session.
function refuseJustSuspended(error: unknown): never {
  if (error instanceof Error && 'code' in error && error.code === suspendedUserCode)
    throw problem('user-suspended', { detail: 'Your account was suspended: ask an administrator of this instance.' })
  throw error
}

/** Paths that mean one thing: without dots, escapes, empty segments and a slash at the end. */
const plainPath = /^(?:\/[A-Za-z0-9_-]+)+$/

/**
 * Sends the library's reply to the client unchanged. Throws `not-found` for a path that the library would read as
 * another one, such as one of the declared endpoints, and `origin-not-allowed` for a redirect to a foreign site.
 */
export async function forwardToLibrary(http: Http, forwarded: ForwardedRequest): Promise<typeof hijacked> {
  if (!plainPath.test(http.request.originalUrl.split('?', 1)[0] ?? '')) throw problem('not-found')
  const response = await callLibrary(http, forwarded)
  refuseForeignRedirect(http.platform, response)
  const body = Buffer.from(await response.arrayBuffer())
  void http.reply.code(response.status)
  for (const [name, value] of response.headers) {
    if (name !== 'set-cookie' && name !== 'content-length') void http.reply.header(name, value)
  }
  void http.reply.send(body)
  return hijacked
}

// The library resolves dot segments of a callback URL after its own check: `/.//host` becomes `//host`.
function refuseForeignRedirect(platform: Http['platform'], { status, headers }: Response): void {
  const location = headers.get('location')
  if (location === null || status < 300 || status > 399) return
  const target = URL.parse(location, appUrl(platform.config))
  if (target !== null && platform.isTrustedOrigin(target.origin)) return
  throw problem('origin-not-allowed', {
    detail: 'The callback URL leads to another site: use a path or an address of a trusted origin.',
  })
}

function toWebRequest({ request, platform }: Http, { method, body }: ForwardedRequest): Request {
  const headers = toHeaders(request)
  headers.set(clientIpHeader, request.ip)
  headers.set(requestIdHeader, request.id)
  headers.delete('content-length')
  const hasBody = body !== undefined && body.length > 0
  if (hasBody) headers.set('content-type', 'application/json')
  return new Request(new URL(request.originalUrl, appUrl(platform.config)), {
    method,
    headers,
    ...(hasBody ? { body } : {}),
  })
}

const Refusal = Type.Object({ message: Type.Optional(Type.String()), code: Type.Optional(Type.String()) })

/** Error codes of the library with a specific problem code; they take precedence over the status. */
const codesOfRefusals: Readonly<Record<string, ProblemCode>> = {
  UNAUTHORIZED: 'unauthorized',
  INVALID_ORIGIN: 'origin-not-allowed',
  ACCOUNT_TEMPORARILY_LOCKED: 'too-many-wrong-codes',
  [tooManyPasswordsCode]: 'too-many-wrong-passwords',
  [weakPasswordCode]: 'weak-password',
  [accountRefusalCodes['sign-up-closed']]: 'sign-up-closed',
  [accountRefusalCodes['invitation-link-required']]: 'sign-up-closed',
  [accountRefusalCodes['email-domain-refused']]: 'email-domain-refused',
  [accountRefusalCodes['user-suspended']]: 'user-suspended',
  [reauthenticationCode]: 'reauthentication-required',
  MISSING_OR_NULL_ORIGIN: 'origin-not-allowed',
  CROSS_SITE_NAVIGATION_LOGIN_BLOCKED: 'origin-not-allowed',
}

const codesOfStatuses: Readonly<Record<number, ProblemCode>> = {
  401: 'sign-in-failed',
  403: 'sign-in-refused',
  404: 'not-found',
  405: 'method-not-allowed',
  415: 'unsupported-media-type',
  422: 'sign-up-refused',
}

async function toProblem(response: Response, { config }: Pick<Platform, 'config'>): Promise<Problem> {
  const text = await response.text()
  const refusal = parseRefusal(text)
  if (response.status >= 500 && !isOfClient(refusal))
    throw new Error(`The auth library failed with ${response.status}: ${text}`)
  const code = codesOfRefusals[refusal.code ?? ''] ?? codesOfStatuses[response.status] ?? 'auth-request-refused'
  const message = code === 'origin-not-allowed' ? originMistake(config) : refusal.message
  const retryAfter = response.headers.get('retry-after')
  return problem(code, {
    ...(message === undefined ? {} : { detail: `${message.replace(/\.$/, '')}.` }),
    ...(retryAfter === null ? {} : { headers: { 'Retry-After': retryAfter } }),
    extensions: refusal,
  })
}

function originMistake(config: Platform['config']): string {
  const origins = trustedOrigins(config).join(', ')
  return `The request must have an allowed Origin: ${origins}. TRUSTED_ORIGINS adds further ones`
}

// The library answers 500 to every new passkey that it cannot read, even if the client sent an invalid response.
function isOfClient({ code }: { readonly code?: string }): boolean {
  return code === 'FAILED_TO_VERIFY_REGISTRATION'
}

function parseRefusal(text: string): { readonly message?: string; readonly code?: string } {
  try {
    const parsed: unknown = JSON.parse(text)
    if (!Value.Check(Refusal, parsed)) return {}
    const { message, code } = parsed
    return { ...(message === undefined ? {} : { message }), ...(code === undefined ? {} : { code }) }
  } catch {
    return {}
  }
}
