import type { BetterAuthOptions, BetterAuthPlugin } from 'better-auth'
import type { Db } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { refusalOfAddress, refusalOfSignUp, refusalTexts, type AccountRefusal } from '../sign-up/index.ts'
import { findUserSuspension } from '../suspensions/index.ts'
import { textIn } from './auth-request.ts'

type DatabaseHooks = NonNullable<BetterAuthOptions['databaseHooks']>
type BeforeUpdate = NonNullable<NonNullable<NonNullable<DatabaseHooks['user']>['update']>['before']>
type BeforeSession = NonNullable<NonNullable<NonNullable<DatabaseHooks['session']>['create']>['before']>
type ValidateUserInfo = NonNullable<NonNullable<BetterAuthOptions['user']>['validateUserInfo']>

/** The codes of refusals; `forward-to-auth-library.ts` maps them to problems. */
export const accountRefusalCodes = {
  'sign-up-closed': 'SIGN_UP_CLOSED',
  'invitation-link-required': 'INVITATION_LINK_REQUIRED',
  'email-domain-refused': 'EMAIL_DOMAIN_REFUSED',
  'user-suspended': 'USER_SUSPENDED',
} as const

/** The text of the refusal of a suspended user's sign-in, without the last full stop. */
function suspendedText(reason: string): string {
  return `Your account is suspended: ${reason.replace(/[.\s]+$/, '')}. Ask an administrator of this instance`
}

/** Where the library asks whether there may be an account, an address or a session. */
export interface AccountGate {
  /** Answers sign-ups and changes of address before the library looks the address up. */
  readonly plugin: BetterAuthPlugin
  /** Every way to create a user; Google and GitHub get it too. */
  readonly validateUserInfo: ValidateUserInfo
  /** Every way to change an address, such as the link in a mail from before the domains changed. */
  readonly beforeUpdate: BeforeUpdate
  /** Every way to sign in, after the password, code or passkey was correct. */
  readonly beforeSession: BeforeSession
}

/** Keeps a closed instance closed, and suspended users out. */
export async function gateAccounts(
  platform: Pick<Platform, 'clock' | 'config' | 'hooks'> & { readonly db: Db },
): Promise<AccountGate> {
  const { APIError, createAuthMiddleware } = await import('better-auth/api')
  const refusal = (code: AccountRefusal) =>
    new APIError('FORBIDDEN', { code: accountRefusalCodes[code], message: refusalTexts[code] })
  const refuse = (code: AccountRefusal | undefined) => {
    if (code !== undefined) throw refusal(code)
  }
  // With a mail server, nobody signs in before they have opened the link that is mailed to the address.
  const provesAddress = platform.config.SMTP_URL !== undefined
  const handler = createAuthMiddleware(async ({ path, body }) => {
    const isSignUp = path === '/sign-up/email'
    const email = textIn(body, isSignUp ? 'email' : 'newEmail')
    // The library itself refuses a missing address.
    if (email === undefined) return
    refuse(isSignUp ? await refusalOfSignUp(platform, { email, provesAddress }) : refusalOfAddress(platform, email))
  })
  return {
    plugin: {
      id: 'account-gate',
      hooks: { before: [{ matcher: ({ path }) => path === '/sign-up/email' || path === '/change-email', handler }] },
    },
    async validateUserInfo({ user, source }) {
      if (source.action !== 'create-user') return undefined
      const code = await refusalOfSignUp(platform, {
        email: user.email ?? '',
        provesAddress: source.oauth === undefined ? provesAddress : user.emailVerified === true,
      })
      return code === undefined ? undefined : { error: accountRefusalCodes[code], errorDescription: refusalTexts[code] }
    },
    beforeUpdate: async ({ email }) => {
      if (email !== undefined) refuse(refusalOfAddress(platform, email))
    },
    beforeSession: async ({ userId }) => {
      const suspension = await findUserSuspension(platform.db, userId)
      if (suspension === undefined) return
      const message = suspendedText(suspension.reason)
      throw new APIError('FORBIDDEN', { code: accountRefusalCodes['user-suspended'], message })
    },
  }
}
