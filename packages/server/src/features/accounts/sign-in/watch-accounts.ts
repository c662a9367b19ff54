import type { BetterAuthOptions, BetterAuthPlugin, GenericEndpointContext } from 'better-auth'
import { recordSecurityEvent, type Recorder, type SecurityAction } from '../security-log/index.ts'
import { requestOf, textIn } from './auth-request.ts'
import { shownFields } from './shown-profile.ts'
import { challengedUser, codePaths } from './second-factors/second-factors.ts'

type DatabaseHooks = NonNullable<BetterAuthOptions['databaseHooks']>

/** Paths that open a session, with how the user signed in. */
const signIns: Readonly<Record<string, string>> = {
  '/sign-up/email': 'password',
  '/sign-in/email': 'password',
  '/sign-in/social': 'provider',
  '/callback/:id': 'provider',
  '/verify-email': 'confirmed address',
  '/passkey/verify-authentication': 'passkey',
  '/two-factor/verify-totp': 'password and code',
  '/two-factor/verify-backup-code': 'password and backup code',
}

/** Paths that a signed-in user changes their account with. */
const changes: Readonly<Record<string, SecurityAction>> = {
  '/change-password': 'password.changed',
  '/two-factor/generate-backup-codes': 'codes.replaced',
  '/two-factor/disable': 'codes.disabled',
  '/passkey/verify-registration': 'passkey.added',
  '/passkey/delete-passkey': 'passkey.deleted',
  '/unlink-account': 'provider.unlinked',
}

/** Records sign-ins, failed ones, and changes of how a user signs in, after the library has answered. */
export async function watchAccounts(recorder: Recorder): Promise<BetterAuthPlugin> {
  const { createAuthMiddleware, isAPIError } = await import('better-auth/api')
  const watch = createAuthMiddleware(async (ctx) => {
    const returned: unknown = ctx.context.returned
    if (isAPIError(returned) && returned.statusCode >= 400) {
      // Not awaited: the reply must take as long for an address without an account.
      if (returned.statusCode === 401) void recordFailure(recorder, ctx)
      return
    }
    await recordSignIn(recorder, ctx)
    await recordChange(recorder, ctx)
  })
  // By default a new password ends the other sessions.
  const endOthers = createAuthMiddleware(async (ctx) => {
    const body: unknown = ctx.body
    return { context: { body: { revokeOtherSessions: true, ...(typeof body === 'object' ? body : {}) } } }
  })
  return {
    id: 'watch-accounts',
    hooks: {
      before: [{ matcher: ({ path }) => path === '/change-password', handler: endOthers }],
      after: [{ matcher: () => true, handler: watch }],
    },
  }
}

/** What the library knows of a request after it has answered. */
type Answered = Pick<GenericEndpointContext, 'path' | 'context' | 'body' | 'headers' | 'getSignedCookie'>

async function recordFailure(recorder: Recorder, ctx: Answered): Promise<void> {
  const request = requestOf(ctx.headers)
  try {
    const userId = await attemptedUser(ctx)
    if (userId === undefined) return
    const detail = signIns[ctx.path]
    await recordSecurityEvent(recorder, { userId, action: 'sign-in.failed', detail, addresses: [], request })
  } catch (error) {
    recorder.log.error({ err: error, requestId: request.requestId }, 'A failed sign-in could not be recorded.')
  }
}

/** The user whose password or code was wrong; undefined for an address without an account. */
async function attemptedUser(ctx: Answered): Promise<string | undefined> {
  if (codePaths.has(ctx.path)) return challengedUser(ctx)
  const address = ctx.path === '/sign-in/email' ? textIn(ctx.body, 'email') : undefined
  if (address === undefined) return undefined
  return (await ctx.context.internalAdapter.findUserByEmail(address))?.user.id
}

async function recordSignIn(recorder: Recorder, { path, context, headers }: Answered): Promise<void> {
  const { session, newSession } = context
  const detail = signIns[path]
  // With a session, a code confirms the app: that is no sign-in.
  if (detail === undefined || newSession === null || (session !== null && codePaths.has(path))) return
  const { id: userId } = newSession.user
  const request = requestOf(headers)
  await recordSecurityEvent(recorder, { userId, action: 'session.created', detail, addresses: [], request })
}

async function recordChange(recorder: Recorder, ctx: Answered): Promise<void> {
  const action = changes[ctx.path]
  const { session } = ctx.context
  if (action === undefined || session === null) return
  const { id: userId, email } = session.user
  const detail = textIn(ctx.body, 'name') ?? textIn(ctx.body, 'providerId')
  await recordSecurityEvent(recorder, { userId, action, detail, addresses: [email], request: requestOf(ctx.headers) })
}

const endings: Readonly<Record<string, SecurityAction>> = {
  '/sign-out': 'session.ended',
  '/revoke-session': 'session.revoked',
  '/revoke-sessions': 'session.revoked',
}

/** Records the changes that are known only by the changed row. The library calls these after the commit. */
export function watchRows(recorder: Recorder): DatabaseHooks {
  return {
    user: {
      create: {
        before: async (user) => ({ data: shownFields(user) }),
        async after({ id: userId }, ctx) {
          const request = requestOf(ctx?.headers)
          await recordSecurityEvent(recorder, { userId, action: 'account.created', addresses: [], request })
        },
      },
      update: {
        before: async (user) => ({ data: shownFields(user) }),
        after: (user, ctx) => recordUpdate(recorder, user, ctx),
      },
    },
    account: {
      // The identity token is not used after the sign-in, and the library would store it unencrypted.
      update: { before: async () => ({ data: { idToken: null } }) },
      create: {
        before: async () => ({ data: { idToken: null } }),
        async after({ userId, providerId }, ctx) {
          if (providerId === 'credential') return
          const email = (await ctx?.context.internalAdapter.findUserById(userId))?.email
          await recordSecurityEvent(recorder, {
            userId,
            action: 'provider.linked',
            detail: providerId,
            addresses: email === undefined ? [] : [email],
            request: requestOf(ctx?.headers),
          })
        },
      },
    },
    session: {
      delete: {
        async after({ userId }, ctx) {
          const action = endings[ctx?.path ?? '']
          if (action === undefined) return
          await recordSecurityEvent(recorder, { userId, action, addresses: [], request: requestOf(ctx?.headers) })
        },
      },
    },
  }
}

async function recordUpdate(
  recorder: Recorder,
  { id: userId, email }: { readonly id: string; readonly email: string },
  ctx: GenericEndpointContext | null,
): Promise<void> {
  const request = requestOf(ctx?.headers)
  if (ctx?.path === '/two-factor/verify-totp')
    await recordSecurityEvent(recorder, { userId, action: 'codes.enabled', addresses: [email], request })
  const former = ctx?.path === undefined ? undefined : formerAddress(ctx)
  if (former === undefined || former === email) return
  await recordSecurityEvent(recorder, {
    userId,
    action: 'email.changed',
    detail: `${former} became ${email}`,
    addresses: [former, email],
    request,
  })
}

/** The address before a change of address: that of the session, or that for which the link of a mail was made. */
function formerAddress({ path, context, query }: GenericEndpointContext): string | undefined {
  if (path === '/change-email') return context.session?.user.email
  if (path !== '/verify-email') return undefined
  // The library has verified the signature of the token.
  const [, payload = ''] = (textIn(query, 'token') ?? '').split('.')
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString() || 'null')
  return textIn(claims, 'updateTo') === undefined ? undefined : textIn(claims, 'email')
}
