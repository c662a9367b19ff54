import { createHmac } from 'node:crypto'
import type { Mail } from '../../../../platform/mail/mailer.ts'
import { takePasswordAttempt } from '../passwords/password-attempt-store.ts'
import type { AttemptPlatform } from '../passwords/password-attempts.ts'

/** The number of mails of one kind to one address in an hour. */
export const mailsMax = 5
const hourSeconds = 3600

/**
 * Sends a mail that anybody can cause by naming the address, unless it had enough of this kind within the last hour.
 * Not awaited by its callers: the reply must not tell whether a mail is sent.
 */
export async function postLimited(
  { clock, db, log, mailer, secrets }: AttemptPlatform,
  kind: 'reset' | 'confirmation',
  mail: Mail,
): Promise<void> {
  const account = createHmac('sha256', secrets.authSecret)
    .update(`mails:${kind}:${mail.to.toLowerCase()}`)
    .digest('hex')
  try {
    const blockedUntil = await takePasswordAttempt(db, account, {
      now: clock.now(),
      freeAttempts: mailsMax,
      firstDelaySeconds: hourSeconds,
      delaySecondsMax: hourSeconds,
      seriesSeconds: hourSeconds,
    })
    if (blockedUntil === undefined) mailer?.post(mail)
    else log.warn({ kind, blockedUntil }, 'A mail was not sent: its address had too many of this kind.')
  } catch (error) {
    log.error({ err: error, kind }, 'A mail was not sent: the mails to its address could not be counted.')
  }
}
