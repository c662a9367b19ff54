import { createHmac } from 'node:crypto'
import type { BetterAuthOptions, BetterAuthPlugin } from 'better-auth'
import { appUrl } from '../../../platform/open-platform.ts'
import type { Platform } from '../../../platform/platform.ts'
import { claimCode, takeCodeAttempt } from './second-factor-store.ts'

/** Wrong codes in a row, over all sign-ins of a user, after which no code is taken for a while. */
export const wrongCodesMax = 5
const codeLockSeconds = 3600
/** A code is good for its own half minute, the one before and the one after. */
const codeLifeSeconds = 90

/** TOTP with backup codes, and passkeys: the library's own plugins on our tables. */
export async function secondFactors({ config }: Platform): Promise<BetterAuthPlugin[]> {
  const [{ twoFactor }, { passkey }] = await Promise.all([
    import('better-auth/plugins/two-factor'),
    import('@better-auth/passkey'),
  ])
  const { APIError } = await import('better-auth/api')
  return [
    twoFactor({
      // Each wrong code counts twice: when it is tried (see limitCodes) and when it has failed.
      accountLockout: { maxFailedAttempts: 2 * wrongCodesMax, durationSeconds: codeLockSeconds },
      schema: {
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
      },
    }),
    passkey({
      rpName: 'Appstrate',
      rpID: new URL(appUrl(config)).hostname,
      origin: [new URL(appUrl(config)).origin, ...config.TRUSTED_ORIGINS],
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      authentication: {
        // A passkey stands for password and code together, so its holder must have shown who they are: by PIN, finger or face.
        async afterVerification({ verification }) {
          const message = 'The passkey did not verify its user'
          if (!verification.authenticationInfo.userVerified)
            throw new APIError('UNAUTHORIZED', { code: 'USER_VERIFICATION_REQUIRED', message })
        },
      },
      schema: {
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
      },
    }),
  ]
}

/**
 * Counts a code before the library looks at it, and lets each through once. The library counts failures afterwards, so that of
 * a thousand codes tried at the same moment each would find the account unlocked; and it takes a code as often as it is sent.
 */
export async function limitCodes(platform: Platform): Promise<NonNullable<BetterAuthOptions['hooks']>> {
  const { APIError, createAuthMiddleware } = await import('better-auth/api')
  const before = createAuthMiddleware(async ({ path, context, body, getSignedCookie }) => {
    if (path !== '/two-factor/verify-totp' && path !== '/two-factor/verify-backup-code') return
    const challenge = await getSignedCookie(context.createAuthCookie('two_factor').name, context.secret)
    const found = typeof challenge === 'string' ? await context.internalAdapter.findVerificationValue(challenge) : null
    if (found === null) return
    const userId = found.value
    const now = platform.clock.now()
    const lockedUntil = await takeCodeAttempt(platform.db, userId, {
      now,
      attemptsMax: 2 * wrongCodesMax,
      lockSeconds: codeLockSeconds,
    })
    if (lockedUntil !== undefined) {
      const retryAfter = Math.max(1, Math.ceil((lockedUntil.getTime() - now.getTime()) / 1000))
      const message = 'Too many wrong codes: no code is taken for an hour'
      throw new APIError(
        'TOO_MANY_REQUESTS',
        { code: 'ACCOUNT_TEMPORARILY_LOCKED', message },
        { 'retry-after': String(retryAfter) },
      )
    }
    // Backup codes are used up by the library.
    if (path === '/two-factor/verify-totp' && !(await claimTotp(platform, { userId, code: codeIn(body), now }))) {
      throw new APIError('UNAUTHORIZED', {
        code: 'CODE_ALREADY_USED',
        message: 'The code was used already: wait for the next one',
      })
    }
  })
  return { before }
}

function codeIn(body: unknown): string {
  return typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : ''
}

function claimTotp(
  { db, secrets }: Platform,
  { userId, code, now }: { userId: string; code: string; now: Date },
): Promise<boolean> {
  const id = `totp_${createHmac('sha256', secrets.authSecret).update(`${userId}:${code}`).digest('hex')}`
  return claimCode(db, { id, now, expiresAt: new Date(now.getTime() + codeLifeSeconds * 1000) })
}
