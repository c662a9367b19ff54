import type { BetterAuthPlugin, GenericEndpointContext } from 'better-auth'
import { recentSignInSeconds as recentSeconds } from '../../../../platform/access/caller.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { textIn } from '../auth-request.ts'

/** A passkey ceremony takes up to five minutes: it may end with a session that was recent at its start. */
const ceremonySeconds = 300

/**
 * The paths that change how a user signs in, with the age in seconds up to which a session may use them. The paths of
 * codes are not among them, because the library requires the password there; so does `change-password`.
 */
const sessionSecondsMax: Readonly<Record<string, number>> = {
  '/change-email': recentSeconds,
  '/link-social': recentSeconds,
  '/unlink-account': recentSeconds,
  '/passkey/generate-register-options': recentSeconds,
  '/passkey/verify-registration': recentSeconds + ceremonySeconds,
  '/passkey/delete-passkey': recentSeconds,
}

/** The code of a refusal; `forward-to-auth-library.ts` maps it to a problem. */
export const reauthenticationCode = 'REAUTHENTICATION_REQUIRED'

/** Whether the path requires a recent session or the current password in the body. */
export function needsReauthentication(path: string): boolean {
  return Object.hasOwn(sessionSecondsMax, path)
}

async function isPasswordOf(
  { context }: Pick<GenericEndpointContext, 'context'>,
  userId: string,
  password: string,
): Promise<boolean> {
  const hash = (await context.internalAdapter.findCredentialAccount(userId))?.password ?? undefined
  return password.length <= 128 && hash !== undefined && context.password.verify({ hash, password })
}

/**
 * Refuses to change how a user signs in with an old session, unless the body has the user's `currentPassword`. A copied
 * session cookie alone must not be enough to take over an account.
 */
export async function requireReauthentication({ clock }: Pick<Platform, 'clock'>): Promise<BetterAuthPlugin> {
  const { APIError, createAuthMiddleware, getSessionFromCtx } = await import('better-auth/api')
  const handler = createAuthMiddleware(async (ctx) => {
    const found = await getSessionFromCtx(ctx)
    // Without a session the library itself refuses.
    if (found === null) return
    const ageMs = clock.now().getTime() - new Date(found.session.createdAt).getTime()
    const password = textIn(ctx.body, 'currentPassword')
    // A password that was sent is checked in any case: the count of wrong ones restarts after an accepted one.
    if (password === undefined && ageMs < (sessionSecondsMax[ctx.path] ?? 0) * 1000) return
    if (password !== undefined && (await isPasswordOf(ctx, found.user.id, password))) return
    throw new APIError('FORBIDDEN', {
      code: reauthenticationCode,
      message:
        password === undefined
          ? 'This change needs a recent sign-in: sign in again, or send your currentPassword'
          : 'The current password is wrong: sign in again, or send the correct one',
    })
  })
  return {
    id: 'reauthentication',
    hooks: { before: [{ matcher: ({ path }) => path !== undefined && needsReauthentication(path), handler }] },
  }
}
