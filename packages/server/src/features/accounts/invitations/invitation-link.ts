import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import { appUrl } from '../../../platform/open-platform.ts'
import type { Platform } from '../../../platform/platform.ts'
import { postMail } from '../../../platform/mail/mailer.ts'
import { expiryFrom, hashToken, newToken, tokenContext, type Invitation } from './invitation.ts'
import { invitationMail } from './invitation-mail.ts'
import type { StoredToken } from './invitation-store.ts'
import { findInvitationOfToken } from './public-invitation-store.ts'

/** The path parameter that identifies an invitation without credentials. */
export const tokenParam = { text: 'The last part of the invitation link.' } as const

export interface IssuedToken {
  readonly token: string
  readonly stored: StoredToken
}

/** Creates a token for an invitation. If the link is mailed, only the hash of the token is stored. */
export function issueToken({ config, keyRing }: Platform, invitationId: string, now: Date): IssuedToken {
  const token = newToken()
  const encryptedToken = config.SMTP_URL === undefined ? keyRing.seal(token, tokenContext(invitationId)) : null
  return { token, stored: { tokenHash: hashToken(token), encryptedToken, expiresAt: expiryFrom(now), sentAt: now } }
}

/** Mails the link of a token whose invitation is committed; does nothing without a mail server. */
export async function mailLink(platform: Platform, token: string): Promise<void> {
  if (platform.config.SMTP_URL === undefined) return
  const invitation = await findInvitationOfToken(platform.db, hashToken(token))
  // Undefined if the invitation was resent in the meantime, which sends its own mail.
  if (invitation !== undefined) postMail(platform, invitationMail(invitation, linkOf(platform, token)))
}

/** The link of a pending invitation if it was not mailed; otherwise undefined. */
export function shownLinkOf(platform: Platform, { id, status, encryptedToken }: Invitation): string | undefined {
  if (status !== 'pending' || encryptedToken === null) return undefined
  try {
    return linkOf(platform, platform.keyRing.unseal(encryptedToken, tokenContext(id)))
  } catch (error) {
    // The key was removed from the key ring. The list stays readable, and a resend creates a new link.
    if (error instanceof SealBroken) return undefined
    throw error
  }
}

function linkOf({ config }: Platform, token: string): string {
  return `${appUrl(config)}/invite/${token}`
}
