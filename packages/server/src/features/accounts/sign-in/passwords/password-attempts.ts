import { createHmac } from 'node:crypto'
import type { BetterAuthPlugin } from 'better-auth'
import type { Platform } from '../../../../platform/platform.ts'
import { recordSecurityEvent, type Recorder } from '../../security-log/index.ts'
import { requestOf, textIn } from '../auth-request.ts'
import { clearPasswordAttempts, claimReport, takePasswordAttempt } from './password-attempt-store.ts'
import { findKnownDevice, issueDeviceCookie, type KnownDevice } from './known-device.ts'
import { needsReauthentication } from '../sessions/reauthentication.ts'

/** The number of attempts in a row without a delay, over all addresses and sessions. */
export const freeAttempts = 10
const firstDelaySeconds = 60
const delaySecondsMax = 3600
/** A series of wrong passwords ends after a day without an attempt. */
export const seriesSeconds = 86_400

/** The code of a refusal; `forward-to-auth-library.ts` maps it to a problem. */
export const tooManyPasswordsCode = 'TOO_MANY_WRONG_PASSWORDS'

/** What limiting uses of the platform. */
export type AttemptPlatform = Pick<Platform, 'clock' | 'secrets'> & Recorder

/** Paths that check the password of the session's user, with its field. */
const passwordFields: Readonly<Record<string, string>> = {
  '/change-password': 'currentPassword',
  '/two-factor/enable': 'password',
  '/two-factor/disable': 'password',
  '/two-factor/generate-backup-codes': 'password',
  '/two-factor/get-totp-uri': 'password',
}

/** Forgets the wrong passwords of an address. */
export async function forgetAttempts({ db, secrets }: Pick<AttemptPlatform, 'db' | 'secrets'>, email: string) {
  await clearPasswordAttempts(db, accountOf(secrets, email))
}

/**
 * Delays password attempts on one account, wherever they come from, except from browsers that have sent the right
 * password before: each of these is delayed on its own. Attempts are counted before the password is
 * checked, so concurrent guesses are limited too. Addresses without an account are counted in the same way.
 */
export async function limitPasswordAttempts(platform: AttemptPlatform): Promise<BetterAuthPlugin> {
  const { APIError, createAuthMiddleware, getSessionFromCtx, isAPIError } = await import('better-auth/api')
  const before = createAuthMiddleware(async (ctx) => {
    const email = ctx.path === '/sign-in/email' ? textIn(ctx.body, 'email') : (await getSessionFromCtx(ctx))?.user.email
    if (email === undefined) return
    const blockedUntil = await takeAttempt(platform, await seriesOf(platform, ctx, email))
    if (blockedUntil === undefined) return
    const seconds = Math.max(1, Math.ceil((blockedUntil.getTime() - platform.clock.now().getTime()) / 1000))
    throw new APIError(
      'TOO_MANY_REQUESTS',
      {
        code: tooManyPasswordsCode,
        message: 'Too many wrong passwords: wait, sign in with a passkey, or reset the password',
      },
      { 'retry-after': String(seconds) },
    )
  })
  const after = createAuthMiddleware(async (ctx) => {
    const { context, path } = ctx
    const email = path === '/sign-in/email' ? textIn(ctx.body, 'email') : context.session?.user.email
    if (email === undefined) return
    const account = accountOf(platform.secrets, email)
    if (!isAPIError(context.returned)) {
      const known = await findKnownDevice(platform.db, ctx, { account, email })
      await clearPasswordAttempts(platform.db, known === undefined ? account : seriesOfDevice(platform, account, known))
      return issueDeviceCookie(ctx, account, known)
    }
    // Not awaited: the reply must take as long for an address without an account.
    void reportDelay(platform, email, async () => {
      const found = await context.internalAdapter.findUserByEmail(email)
      if (found === null) return
      const { id, email: address } = found.user
      await recordSecurityEvent(platform, {
        userId: id,
        action: 'sign-in.locked',
        addresses: [address],
        request: requestOf(ctx.headers),
      })
    })
  })
  const matcher = ({ path, body }: { path?: string; body?: unknown }) =>
    path !== undefined && checksPassword(path, body)
  return {
    id: 'password-attempts',
    hooks: { before: [{ matcher, handler: before }], after: [{ matcher, handler: after }] },
  }
}

function checksPassword(path: string, body: unknown): boolean {
  if (path === '/sign-in/email') return true
  const field = needsReauthentication(path) ? 'currentPassword' : passwordFields[path]
  return field !== undefined && textIn(body, field) !== undefined
}

/**
 * The series that an attempt counts in. A browser that has sent the right password before has its own, so that others
 * cannot keep the owner from signing in.
 */
async function seriesOf(
  platform: AttemptPlatform,
  ctx: Parameters<typeof findKnownDevice>[1],
  email: string,
): Promise<string> {
  const account = accountOf(platform.secrets, email)
  const known = await findKnownDevice(platform.db, ctx, { account, email })
  return known === undefined ? account : seriesOfDevice(platform, account, known)
}

function seriesOfDevice({ secrets }: Pick<AttemptPlatform, 'secrets'>, account: string, { nonce }: KnownDevice) {
  return createHmac('sha256', secrets.authSecret).update(`password-attempts:${account}:${nonce}`).digest('hex')
}

function takeAttempt({ db, clock }: AttemptPlatform, series: string): Promise<Date | undefined> {
  return takePasswordAttempt(db, series, {
    now: clock.now(),
    freeAttempts,
    firstDelaySeconds,
    delaySecondsMax,
    seriesSeconds,
  })
}

async function reportDelay({ db, secrets, log }: AttemptPlatform, email: string, report: () => Promise<void>) {
  try {
    if (await claimReport(db, accountOf(secrets, email))) await report()
  } catch (error) {
    log.error({ err: error }, 'A delayed sign-in could not be reported to its owner.')
  }
}

function accountOf(secrets: Platform['secrets'], email: string): string {
  return createHmac('sha256', secrets.authSecret).update(`password-attempts:${email.toLowerCase()}`).digest('hex')
}
