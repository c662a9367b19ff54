import { type AnyCall } from '../../../platform/http/endpoint.ts'
import { appUrl } from '../../../platform/open-platform.ts'
import { authLibrary } from './auth-library.ts'
import { clientIpHeader, requestIdHeader } from './auth-request.ts'
import { forgetAttempts } from './passwords/password-attempts.ts'

/**
 * Signs a user in with their password, and sets the cookies of the new session on the reply; for endpoints that have
 * just created the account. Returns false if the address must be verified first.
 */
export async function openSession(
  { request, reply, platform }: Pick<AnyCall, 'request' | 'reply' | 'platform'>,
  credentials: { readonly email: string; readonly password: string },
): Promise<boolean> {
  // Only the IP address and the user agent are passed on: the endpoint has already checked the origin.
  const headers = new Headers({
    'content-type': 'application/json',
    'user-agent': request.headers['user-agent'] ?? '',
    [clientIpHeader]: request.ip,
    [requestIdHeader]: request.id,
  })
  const signIn = new Request(`${appUrl(platform.config)}/api/auth/sign-in/email`, {
    method: 'POST',
    headers,
    body: JSON.stringify(credentials),
  })
  // Guesses from before the account existed must not delay its first sign-in.
  await forgetAttempts(platform, credentials.email)
  const response = await platform.use(authLibrary).handle(signIn)
  if (response.status === 403) return false
  if (!response.ok) throw new Error(`The auth library could not sign in a new user: ${response.status}.`)
  void reply.header('set-cookie', response.headers.getSetCookie())
  return true
}
