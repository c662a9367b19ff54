import { createHmac } from 'node:crypto'
import type { BetterAuthOptions, BetterAuthPlugin, GenericEndpointContext } from 'better-auth'
import { appUrl, trustedOrigins } from '../../../../platform/open-platform.ts'
import type { Platform } from '../../../../platform/platform.ts'
import { claimCode, takeCodeAttempt } from './code-attempt-store.ts'

/** After this many wrong codes in a row, over all sign-ins of a user, no code is accepted for a while. */
export const wrongCodesMax = 5
const codeLockSeconds = 3600
/** A code is valid in its own half minute, the one before and the one after. */
const codeLifeSeconds = 90

/** The paths that check a code. */
export const codePaths: ReadonlySet<string> = new Set(['/two-factor/verify-totp', '/two-factor/verify-backup-code'])

type AuthContext = Pick<GenericEndpointContext, 'context' | 'getSignedCookie'>

const codeTables = {
  user: { fields: { twoFactorEnabled: 'two_factor_enabled' } },
  twoFactor: {
    modelName: 'two_factors',
    fields: {
      userId: 'user_id',
      backupCodes: 'backup_codes',
      failedVerificationCount: 'failed_verification_count',
      lockedUntil: 'locked_until',
    },
  },
} as const

const passkeyTables = {
  passkey: {
    modelName: 'passkeys',
    fields: {
      userId: 'user_id',
      publicKey: 'public_key',
      credentialID: 'credential_id',
      deviceType: 'device_type',
      backedUp: 'backed_up',
      createdAt: 'created_at',
    },
  },
} as const

/** TOTP with backup codes, and passkeys: the library's plugins on Appstrate's tables. */
export async function secondFactors({ config }: Pick<Platform, 'config'>): Promise<BetterAuthPlugin[]> {
  const [{ twoFactor }, { passkey }] = await Promise.all([
    import('better-auth/plugins/two-factor'),
    import('@better-auth/passkey'),
  ])
  const { APIError } = await import('better-auth/api')
  const unverified = (status: 'BAD_REQUEST' | 'UNAUTHORIZED') =>
    new APIError(status, { code: 'USER_VERIFICATION_REQUIRED', message: 'The passkey did not verify its user' })
  return [
    twoFactor({
      // Each wrong code counts twice: before the check (see limitCodes) and after it has failed.
      accountLockout: { maxFailedAttempts: 2 * wrongCodesMax, durationSeconds: codeLockSeconds },
      schema: codeTables,
    }),
    passkey({
      rpName: 'Appstrate',
      rpID: new URL(appUrl(config)).hostname,
      origin: trustedOrigins(config),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      // A passkey replaces both password and code: the authenticator must verify its user by PIN or biometrics.
      registration: {
        async afterVerification({ verification }) {
          if (verification.registrationInfo?.userVerified !== true) throw unverified('BAD_REQUEST')
        },
      },
      authentication: {
        async afterVerification({ verification }) {
          if (!verification.authenticationInfo.userVerified) throw unverified('UNAUTHORIZED')
        },
      },
      schema: passkeyTables,
    }),
  ]
}

/**
 * Counts an attempt before the library checks the code, and accepts each code only once. The library counts failures
 * after the check, so a thousand concurrent guesses would all find the account unlocked; it also accepts used codes.
 */
export async function limitCodes(
  platform: Pick<Platform, 'clock' | 'db' | 'secrets'>,
): Promise<NonNullable<BetterAuthOptions['hooks']>> {
  const { APIError, createAuthMiddleware } = await import('better-auth/api')
  const before = createAuthMiddleware(async (ctx) => {
    const { path } = ctx
    if (!codePaths.has(path)) return
    const userId = await challengedUser(ctx)
    if (userId === undefined) return
    const now = platform.clock.now()
    const lockedUntil = await takeCodeAttempt(platform.db, userId, {
      now,
      attemptsMax: 2 * wrongCodesMax,
      lockSeconds: codeLockSeconds,
    })
    if (lockedUntil !== undefined) {
      const retryAfter = Math.max(1, Math.ceil((lockedUntil.getTime() - now.getTime()) / 1000))
      const message = 'Too many wrong codes: no code is accepted for an hour'
      throw new APIError(
        'TOO_MANY_REQUESTS',
        { code: 'ACCOUNT_TEMPORARILY_LOCKED', message },
        { 'retry-after': String(retryAfter) },
      )
    }
    // The library itself invalidates used backup codes.
    if (path === '/two-factor/verify-totp' && !(await claimTotp(platform, { userId, code: codeIn(ctx.body), now }))) {
      throw new APIError('UNAUTHORIZED', {
        code: 'CODE_ALREADY_USED',
        message: 'The code has already been used: wait for the next one',
      })
    }
  })
  return { before }
}

/** The id of the user who has given the correct password and now needs a code; undefined without such a sign-in. */
export async function challengedUser({ context, getSignedCookie }: AuthContext): Promise<string | undefined> {
  const challenge = await getSignedCookie(context.createAuthCookie('two_factor').name, context.secret)
  if (typeof challenge !== 'string') return undefined
  return (await context.internalAdapter.findVerificationValue(challenge))?.value
}

function codeIn(body: unknown): string {
  return typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : ''
}

function claimTotp(
  { db, secrets }: Pick<Platform, 'db' | 'secrets'>,
  { userId, code, now }: { userId: string; code: string; now: Date },
): Promise<boolean> {
  const id = `totp_${createHmac('sha256', secrets.authSecret).update(`${userId}:${code}`).digest('hex')}`
  return claimCode(db, { id, now, expiresAt: new Date(now.getTime() + codeLifeSeconds * 1000) })
}
