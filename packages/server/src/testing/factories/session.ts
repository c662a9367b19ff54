import { createHmac, randomBytes } from 'node:crypto'
import { hashSessionToken } from '../../features/accounts/sign-in/sessions/hashed-session-tokens.ts'
import { newWireId } from '../../platform/ids/id.ts'
import { appUrl } from '../../platform/open-platform.ts'
import type { Platform } from '../../platform/platform.ts'
import { requester, type Answer, type Send } from '../request.ts'

/** A signed-in user. */
export interface SignedIn {
  readonly userId: string
  readonly email: string
  readonly password: string
  /** The `Cookie` header of their browser. */
  readonly cookie: string
  /** Sends with the cookie, as from a page of the server's own origin. */
  readonly send: Send
}

/** The parts of a test world that requests of a browser need. */
interface ServedWorld {
  readonly url: string
  readonly platform: Pick<Platform, 'config'>
}

/** Signs up a new user over HTTP; the world needs the sign-in feature. */
export async function signUp(world: ServedWorld, fields: { readonly email?: string } = {}): Promise<SignedIn> {
  const email = fields.email ?? `person-${randomBytes(6).toString('hex')}@example.com`
  const password = 'correct horse battery'
  const answer = await fromOurPage(world)('POST /api/auth/sign-up/email', {
    body: { name: 'Test Person', email, password },
  })
  if (answer.status !== 200) throw new Error(`The sign-up failed: ${answer.text}`)
  const cookie = cookieOf(answer)
  return {
    userId: answer.body.user.id,
    email,
    password,
    cookie,
    send: requester(world.url, { cookie, origin: originOf(world) }),
  }
}

/**
 * Sends without a cookie, as from a page of the server's own origin. Node's `fetch` sends Sec-Fetch-Mode like a
 * browser, and the auth library requires an Origin from browsers.
 */
export function fromOurPage(world: ServedWorld): Send {
  return requester(world.url, { origin: originOf(world) })
}

function originOf({ platform }: ServedWorld): string {
  return new URL(appUrl(platform.config)).origin
}

/** The `Cookie` header that a browser sends after this answer. */
export function cookieOf({ headers }: Answer): string {
  return headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0] ?? '')
    .join('; ')
}

/** Creates a session directly in the database; returns its cookie, signed like the auth library's. */
export async function createSessionCookie(
  { db, secrets }: Pick<Platform, 'db' | 'secrets'>,
  userId: string,
): Promise<string> {
  const token = randomBytes(16).toString('hex')
  const expires = new Date(Date.now() + 86_400_000)
  await db
    .insertInto('sessions')
    .values({ id: newWireId('ses'), user_id: userId, token: hashSessionToken(token), expires_at: expires })
    .execute()
  const signature = createHmac('sha256', secrets.authSecret).update(token).digest('base64')
  return `better-auth.session_token=${encodeURIComponent(`${token}.${signature}`)}`
}
