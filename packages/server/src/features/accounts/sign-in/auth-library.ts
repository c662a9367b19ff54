import { revealDatabaseFailures } from '../../../platform/db/database-failure.ts'
import { appUrl } from '../../../platform/open-platform.ts'
import type { Platform, Service } from '../../../platform/platform.ts'
import { authOptions } from './auth-options.ts'
import { mailer } from '../../../platform/mail/mailer.ts'

export interface SessionUser {
  readonly userId: string
  readonly email: string
  readonly sessionId: string
  /** When the session was opened. */
  readonly signedInAt: Date
}

interface AuthLibrary {
  /** Answers a request to `/api/auth/*`. */
  handle(request: Request): Promise<Response>
  /** The user whose session the cookie belongs to. */
  findUser(headers: Headers): Promise<SessionUser | undefined>
  /** Loads the library before its first use: loading takes a third of a second. */
  warm(): Promise<void>
}

/** The process's single instance of the auth library, loaded on first use. */
export const authLibrary: Service<AuthLibrary> = {
  name: 'auth library',
  open(platform) {
    let loading: ReturnType<typeof load> | undefined
    const loaded = () => {
      loading ??= load(authOptions(platform, platform.use(mailer)))
      return loading
    }
    return {
      handle: async (request) => (await loaded()).handler(request),
      findUser: (headers) => revealDatabaseFailures(async () => findUser(await loaded(), headers)),
      warm: async () =>
        void (await (await loaded()).handler(new Request(`${appUrl(platform.config)}/api/auth/get-session`))),
    }
  },
}

/** The stored form of a password. */
export async function hashPassword(password: string): Promise<string> {
  const crypto = await import('better-auth/crypto')
  return crypto.hashPassword(password)
}

/** The signed-in user of a request's cookies, or undefined. */
export async function findSessionUser(
  platform: Pick<Platform, 'use'>,
  headers: Headers,
): Promise<SessionUser | undefined> {
  // Requests without the cookie never load the library.
  if (headers.get('cookie')?.includes('better-auth.session_token=') !== true) return undefined
  return platform.use(authLibrary).findUser(headers)
}

async function load(options: ReturnType<typeof authOptions>) {
  const { betterAuth } = await import('better-auth')
  return betterAuth(await options)
}

// Only `GET /api/auth/get-session` extends a session: only there can the browser receive the new cookie.
async function findUser({ api }: Awaited<ReturnType<typeof load>>, headers: Headers): Promise<SessionUser | undefined> {
  const found = await api.getSession({ headers, query: { disableRefresh: true } })
  if (found === null) return undefined
  const { user, session } = found
  return { userId: user.id, email: user.email, sessionId: session.id, signedInAt: new Date(session.createdAt) }
}
