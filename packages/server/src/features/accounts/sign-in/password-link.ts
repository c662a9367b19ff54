import { randomBytes } from 'node:crypto'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { mailer } from '../../../platform/mail/mailer.ts'
import { appUrl } from '../../../platform/open-platform.ts'
import type { Platform } from '../../../platform/platform.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { canSignIn, deleteVerificationsOf, insertPasswordToken, insertUser } from './sign-in-store.ts'
import { findUserByEmail, lockUser } from './user-store.ts'

const lifetimeMs = 7 * 86_400_000

/**
 * Creates a user who cannot sign in before they have set a password by a link; returns their id. Their address counts
 * as verified. The id of an earlier such user is returned again; undefined if the address has a user who can sign in.
 */
export async function addUser(
  tx: Tx,
  { name, email }: { readonly name: string; readonly email: string },
): Promise<string | undefined> {
  const inserted = await insertUser(tx, { name, email, passwordHash: undefined })
  if (inserted !== undefined) return inserted
  const earlier = await findUserByEmail(tx, email)
  return earlier === undefined || (await canSignIn(tx, earlier.id)) ? undefined : earlier.id
}

/**
 * Creates the link by which a new user sets their first password, and ends earlier ones. It is mailed; without a mail
 * server it is returned. Throws `user-exists` if the user has set a password meanwhile.
 */
export async function issuePasswordLink(
  platform: Pick<Platform, 'clock' | 'config' | 'use'> & { readonly db: Db },
  { userId, email }: { readonly userId: string; readonly email: string },
): Promise<string | undefined> {
  const { clock, config, db, use } = platform
  const token = randomBytes(32).toString('base64url')
  const expiresAt = new Date(clock.now().getTime() + lifetimeMs)
  await db.transaction().execute(async (tx) => {
    // Concurrent requests take turns, so that only the last link works.
    await lockUser(tx, userId)
    // The user has set their password meanwhile: they need no link, and it would set another one.
    if (await canSignIn(tx, userId)) throw problem('user-exists', { detail: `${email} has an account already.` })
    await deleteVerificationsOf(tx, userId)
    await insertPasswordToken(tx, { token, userId, expiresAt })
  })
  const link = `${appUrl(config)}/api/auth/reset-password/${token}?callbackURL=%2F`
  const mails = use(mailer)
  if (mails === undefined) return link
  mails.post({
    to: email,
    subject: 'Set the password of your new account',
    text:
      'An administrator created an account for you. Open this link within seven days to set its password:\n\n' +
      `${link}\n\n` +
      'If you do not expect this, ignore this mail.\n',
  })
  return undefined
}
