import type { BetterAuthPlugin } from 'better-auth'
import { appUrl } from '../../../../platform/open-platform.ts'
import { isWeakPassword, weakPasswordAdvice } from '../../../../platform/passwords/weak-password.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { textIn } from '../auth-request.ts'

/** The code of a refusal; `forward-to-auth-library.ts` maps it to a problem. */
export const weakPasswordCode = 'WEAK_PASSWORD'

/** The fields that hold a new password. */
const newPasswordFields: Readonly<Record<string, string>> = {
  '/sign-up/email': 'password',
  '/change-password': 'newPassword',
  '/reset-password': 'newPassword',
}

/** Refuses weak passwords at a sign-up, a change and a reset. */
export async function refuseWeakPasswords({
  db,
  hooks,
  config,
}: Pick<Platform, 'config' | 'db' | 'hooks'>): Promise<BetterAuthPlugin> {
  const { APIError, createAuthMiddleware, getSessionFromCtx } = await import('better-auth/api')
  const handler = createAuthMiddleware(async (ctx) => {
    const password = textIn(ctx.body, newPasswordFields[ctx.path] ?? '')
    // The library itself refuses a missing or too long password.
    if (password === undefined || password.length > 128) return
    const { internalAdapter } = ctx.context
    const findUser = async () => {
      if (ctx.path === '/change-password') return (await getSessionFromCtx(ctx))?.user
      const token = textIn(ctx.body, 'token')
      if (ctx.path !== '/reset-password' || token === undefined) return undefined
      const found = await internalAdapter.findVerificationValue(`reset-password:${token}`)
      return found === null ? undefined : internalAdapter.findUserById(found.value)
    }
    const user = await findUser()
    const about = [
      ...[user?.email ?? textIn(ctx.body, 'email'), user?.name ?? textIn(ctx.body, 'name')],
      new URL(appUrl(config)).hostname,
      ...(user === undefined || user === null ? [] : await hooks.textsAboutUser(db, user.id)),
    ].filter((text) => text !== undefined)
    if (await isWeakPassword(password, about))
      throw new APIError('BAD_REQUEST', { code: weakPasswordCode, message: weakPasswordAdvice })
  })
  return {
    id: 'weak-passwords',
    hooks: {
      before: [{ matcher: ({ path }) => path !== undefined && Object.hasOwn(newPasswordFields, path), handler }],
    },
  }
}
