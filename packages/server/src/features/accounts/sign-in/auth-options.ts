import type { BetterAuthOptions } from 'better-auth'
import { newUuid, newWireId } from '../../../platform/ids/id.ts'
import { appUrl, trustedOrigins } from '../../../platform/open-platform.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { Mailer } from '../../../platform/mail/mailer.ts'
import { recordSecurityEvent } from '../security-log/index.ts'
import { clientIpHeader, requestOf } from './auth-request.ts'
import { gateAccounts, type AccountGate } from './account-gate.ts'
import { refuseEndedLinks } from './mailed-links/ended-links.ts'
import { postLimited } from './mailed-links/limit-mails.ts'
import { endOtherSessions, hashingAdapter } from './sessions/hashed-session-tokens.ts'
import { refuseWeakPasswords } from './passwords/new-passwords.ts'
import { forgetAttempts, limitPasswordAttempts, type AttemptPlatform } from './passwords/password-attempts.ts'
import { refuseConcurrentChanges } from './sessions/concurrent-changes.ts'
import { requireReauthentication } from './sessions/reauthentication.ts'
import { limitCodes, secondFactors } from './second-factors/second-factors.ts'
import { watchAccounts, watchRows } from './watch-accounts.ts'

const passwordResetSeconds = 3600
const times = { createdAt: 'created_at', updatedAt: 'updated_at' } as const

/** What the auth library uses of the platform. */
export type AuthPlatform = Pick<Platform, 'clock' | 'config' | 'db' | 'hooks' | 'log' | 'secrets' | 'wake'>

/** The options of the auth library: its defaults, with Appstrate's tables, ids, rate limits and log. */
export async function authOptions(platform: AuthPlatform, mailer: Mailer | undefined): Promise<BetterAuthOptions> {
  const { clock, config, secrets, db, log } = platform
  const recorder = { db, log, mailer }
  const gate = await gateAccounts(platform)
  return {
    appName: 'Appstrate',
    baseURL: appUrl(config),
    basePath: '/api/auth',
    secret: secrets.authSecret,
    trustedOrigins: trustedOrigins(config),
    database: await hashingAdapter(db),
    ...tables(mailer, gate),
    ...flows({ ...recorder, clock, secrets }),
    socialProviders: socialProviders(config),
    // The last one sees whether the library wants a code after the password.
    plugins: [
      gate.plugin,
      await refuseWeakPasswords(platform),
      await limitPasswordAttempts({ ...recorder, clock, secrets }),
      await requireReauthentication(platform),
      await refuseEndedLinks(platform),
      await refuseConcurrentChanges(platform),
      await endOtherSessions({ ...recorder, wake: platform.wake }),
      ...(await secondFactors(platform)),
      await watchAccounts(recorder),
    ],
    hooks: await limitCodes(platform),
    databaseHooks: rowHooks(platform, watchRows(recorder), gate),
    // The first is a password check that nobody counts; the others would hand out credentials of Google and GitHub.
    disabledPaths: ['/verify-password', '/get-access-token', '/refresh-token', '/account-info'],
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: libraryLog(platform),
    // Internal errors are thrown to Appstrate's error handler with their cause; refusals are still returned as replies.
    onAPIError: { throw: true },
    advanced: {
      // Set explicitly, because the library disables these checks if NODE_ENV is "test".
      disableOriginCheck: false,
      disableCSRFCheck: false,
      ipAddress: { ipAddressHeaders: [clientIpHeader] },
      // The migrations create the schema; a test compares it with the schema that the library expects.
      database: { generateId: ({ model }) => newId(model), validateSchema: false },
    },
  }
}

type DatabaseHooks = NonNullable<BetterAuthOptions['databaseHooks']>

function rowHooks({ wake }: Pick<AuthPlatform, 'wake'>, rows: DatabaseHooks, gate: AccountGate): DatabaseHooks {
  return {
    ...rows,
    user: { ...rows.user, update: { ...rows.user?.update, before: gate.beforeUpdate } },
    session: {
      create: { before: gate.beforeSession },
      delete: {
        async after(session, ctx) {
          // Also ends the streams that were opened with the session.
          wake.wake('sessions', session.id)
          await rows.session?.delete?.after?.(session, ctx)
        },
      },
    },
  }
}

function newId(model: string): string {
  if (model === 'user') return newWireId('usr')
  return model === 'session' ? newWireId('ses') : `${model}_${newUuid().replaceAll('-', '')}`
}

function tables(
  mailer: Mailer | undefined,
  { validateUserInfo }: Pick<AccountGate, 'validateUserInfo'>,
): Pick<BetterAuthOptions, 'user' | 'session' | 'account' | 'verification'> {
  return {
    user: { ...userTable(mailer), validateUserInfo },
    session: {
      modelName: 'sessions',
      fields: {
        userId: 'user_id',
        expiresAt: 'expires_at',
        ipAddress: 'ip_address',
        userAgent: 'user_agent',
        ...times,
      },
      // `requireReauthentication` checks the age of a session instead, because it also accepts the password.
      freshAge: 0,
      // Every request reads its session from the database, so that an ended session stops working immediately on every
      // node (docs/decisions/0007-session-reads.md).
      cookieCache: { enabled: false },
    },
    account: {
      modelName: 'accounts',
      fields: {
        userId: 'user_id',
        accountId: 'account_id',
        providerId: 'provider_id',
        accessToken: 'access_token',
        refreshToken: 'refresh_token',
        idToken: 'id_token',
        accessTokenExpiresAt: 'access_token_expires_at',
        refreshTokenExpiresAt: 'refresh_token_expires_at',
        ...times,
      },
      encryptOAuthTokens: true,
      accountLinking: { enabled: true, allowDifferentEmails: true },
    },
    verification: {
      modelName: 'verifications',
      fields: { expiresAt: 'expires_at', ...times },
      storeIdentifier: 'hashed',
    },
  }
}

function userTable(mailer: Mailer | undefined): NonNullable<BetterAuthOptions['user']> {
  return {
    modelName: 'users',
    fields: { emailVerified: 'email_verified', ...times },
    changeEmail: {
      enabled: true,
      updateEmailWithoutVerification: mailer === undefined,
      ...(mailer === undefined
        ? {}
        : {
            sendChangeEmailConfirmation: async ({ user, newEmail, url }) =>
              mailer.post({ to: user.email, ...changeOfAddressMail(newEmail, url) }),
          }),
    },
  }
}

// Without a mail server, users cannot confirm an address or reset a password.
function flows(recorder: AttemptPlatform): Pick<BetterAuthOptions, 'emailAndPassword' | 'emailVerification'> {
  const { mailer } = recorder
  if (mailer === undefined) return { emailAndPassword: { enabled: true } }
  return {
    emailAndPassword: {
      enabled: true,
      requireEmailVerification: true,
      revokeSessionsOnPasswordReset: true,
      resetPasswordTokenExpiresIn: passwordResetSeconds,
      async onPasswordReset({ user }, request) {
        await forgetAttempts(recorder, user.email)
        await recordSecurityEvent(recorder, {
          userId: user.id,
          action: 'password.reset',
          addresses: [user.email],
          request: requestOf(request?.headers),
        })
      },
      sendResetPassword: async ({ user, url }) =>
        void postLimited(recorder, 'reset', { to: user.email, ...resetMail(url) }),
    },
    emailVerification: {
      sendOnSignUp: true,
      autoSignInAfterVerification: true,
      sendVerificationEmail: async ({ user, url }) =>
        void postLimited(recorder, 'confirmation', { to: user.email, ...verificationMail(url) }),
    },
  }
}

function verificationMail(url: string) {
  return {
    subject: 'Confirm your e-mail address',
    text: `Open this link to confirm your e-mail address:\n\n${url}\n\nIf you did not sign up, ignore this mail.\n`,
  }
}

function changeOfAddressMail(newEmail: string, url: string) {
  return {
    subject: 'Confirm the change of your e-mail address',
    text:
      `Somebody who is signed in to your account wants to change its e-mail address to ${newEmail}.\n\n` +
      `If it was you, open this link within an hour. A mail to the new address follows:\n\n${url}\n\n` +
      'If it was not you, do not open the link. Set a new password, which ends all sessions.\n',
  }
}

function resetMail(url: string) {
  return {
    subject: 'Set a new password',
    text:
      `Open this link within an hour to set a new password:\n\n${url}\n\n` +
      'If you did not request this, ignore this mail.\n',
  }
}

function socialProviders(config: Platform['config']): NonNullable<BetterAuthOptions['socialProviders']> {
  const { GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET } = config
  return {
    ...(GOOGLE_CLIENT_ID === undefined || GOOGLE_CLIENT_SECRET === undefined
      ? {}
      : { google: { clientId: GOOGLE_CLIENT_ID, clientSecret: GOOGLE_CLIENT_SECRET } }),
    ...(GITHUB_CLIENT_ID === undefined || GITHUB_CLIENT_SECRET === undefined
      ? {}
      : { github: { clientId: GITHUB_CLIENT_ID, clientSecret: GITHUB_CLIENT_SECRET } }),
  }
}

/** Starts of messages that the library logs as errors although the client caused them. */
const refusals = [
  'Failed to verify registration',
  'Failed to verify authentication',
  'INVALID_CALLBACK_REQUEST',
  'State not found',
  'Provider not found',
  'Provider does not support id token verification',
  'Blocked cross-site navigation',
  'Invalid origin',
  'Invalid callbackURL',
  'Invalid redirectURL',
  'Invalid errorCallbackURL',
  'Invalid newUserCallbackURL',
]
/** Codes of errors about a state that the client sent with its redirect. */
const stateRefusals: ReadonlySet<unknown> = new Set([
  'state_not_found',
  'state_mismatch',
  'state_invalid',
  'state_security_mismatch',
])

function isRefusal(message: string, err: Error | undefined): boolean {
  const isOfState = err !== undefined && 'code' in err && stateRefusals.has(err.code)
  return isOfState || refusals.some((start) => message.startsWith(start))
}

function libraryLog({ log }: AuthPlatform): NonNullable<BetterAuthOptions['logger']> {
  return {
    level: 'warn',
    log(level, message, ...details: unknown[]) {
      const err = details.find((detail) => detail instanceof Error)
      log[isRefusal(message, err) ? 'info' : level]({ err, part: 'sign-in' }, message)
    },
  }
}
