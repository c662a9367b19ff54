import type { BetterAuthPlugin, GenericEndpointContext } from 'better-auth'
import type { Platform } from '../../../../platform/platform.ts'
import { textIn } from '../auth-request.ts'
import { hasCredentialChangeSince } from '../sign-in-store.ts'

/** Paths that open a session for what the request proves: a password, or a code after it. */
const paths: ReadonlySet<string> = new Set([
  '/sign-in/email',
  '/two-factor/verify-totp',
  '/two-factor/verify-backup-code',
  '/change-password',
])

type Answered = Pick<GenericEndpointContext, 'path' | 'context' | 'body'>

/**
 * Ends a session that was opened while the password was changed by another request: the library checks the password
 * first and opens the session later, and the change may have ended the other sessions in between.
 */
export async function refuseConcurrentChanges({ db, log }: Pick<Platform, 'db' | 'log'>): Promise<BetterAuthPlugin> {
  const { APIError, createAuthMiddleware, isAPIError } = await import('better-auth/api')
  const startTimes = new WeakMap<object, Date>()
  const matcher = ({ path }: { path?: string }) => path !== undefined && paths.has(path)
  const before = createAuthMiddleware(async ({ headers }) => {
    if (headers !== undefined) startTimes.set(headers, new Date())
  })
  const after = createAuthMiddleware(async (ctx) => {
    const { newSession, internalAdapter, returned } = ctx.context
    const startedAt = ctx.headers === undefined ? undefined : startTimes.get(ctx.headers)
    if (newSession === null || startedAt === undefined || isAPIError(returned)) return
    const userId = newSession.user.id
    const holds =
      ctx.path === '/change-password'
        ? await isPassword(ctx, userId)
        : !(await hasCredentialChangeSince(db, userId, startedAt))
    if (holds) return
    await internalAdapter.deleteSession(newSession.session.token)
    log.info({ userId }, 'A session was ended, because the password was changed while it was opened.')
    throw new APIError('UNAUTHORIZED', {
      code: 'PASSWORD_CHANGED',
      message: 'The password was changed at the same time: sign in with the new one',
    })
  })
  return {
    id: 'concurrent-changes',
    hooks: { before: [{ matcher, handler: before }], after: [{ matcher, handler: after }] },
  }
}

/** Whether the new password of the request is still the user's. */
async function isPassword({ context, body }: Answered, userId: string): Promise<boolean> {
  const hash = (await context.internalAdapter.findCredentialAccount(userId))?.password ?? undefined
  const password = textIn(body, 'newPassword')
  return hash !== undefined && password !== undefined && context.password.verify({ hash, password })
}
