import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import { appUrl } from '../../../platform/open-platform.ts'
import type { Platform } from '../../../platform/platform.ts'
import { mailer } from '../../../platform/mail/mailer.ts'
import { expiryFrom, hashToken, newToken, tokenContext, type Invitation } from './invitation.ts'
import { invitationMail } from './invitation-mail.ts'
import { findInvitationOfToken, type StoredToken } from './invitation-store.ts'

export interface IssuedToken {
  readonly token: string
  readonly stored: StoredToken
}

/** Creates a token for an invitation. If the link is mailed, only the hash of the token is stored. */
export function issueToken(
  { keyRing, use }: Pick<Platform, 'keyRing' | 'use'>,
  invitationId: string,
  now: Date,
): IssuedToken {
  const token = newToken()
  const encryptedToken = use(mailer) === undefined ? keyRing.seal(token, tokenContext(invitationId)) : null
  return { token, stored: { tokenHash: hashToken(token), encryptedToken, expiresAt: expiryFrom(now), sentAt: now } }
}

/** Mails the link of a token whose invitation is committed; does nothing without a mail server. */
export async function mailLink(platform: Pick<Platform, 'config' | 'db' | 'use'>, token: string): Promise<void> {
  const mails = platform.use(mailer)
  if (mails === undefined) return
  const invitation = await findInvitationOfToken(platform.db, hashToken(token))
  // Undefined if the invitation was resent in the meantime, which sends its own mail.
  if (invitation !== undefined) mails.post(invitationMail(invitation, linkOf(platform, token)))
}

/** The link of a pending invitation if it was not mailed; otherwise undefined. */
export function shownLinkOf(
  platform: Pick<Platform, 'config' | 'keyRing'>,
  { id, status, encryptedToken }: Invitation,
): string | undefined {
  if (status !== 'pending' || encryptedToken === null) return undefined
  try {
    return linkOf(platform, platform.keyRing.unseal(encryptedToken, tokenContext(id)))
  } catch (error) {
    // The key was removed from the key ring. The list stays readable, and a resend creates a new link.
    if (error instanceof SealBroken) return undefined
    throw error
  }
}

function linkOf({ config }: Pick<Platform, 'config'>, token: string): string {
  return `${appUrl(config)}/invite/${token}`
}
