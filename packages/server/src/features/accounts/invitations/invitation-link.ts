import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import { appUrl } from '../../../platform/open-platform.ts'
import type { Platform } from '../../../platform/platform.ts'
import { postMail } from '../sign-in/index.ts'
import { expiryFrom, hashToken, newToken, tokenContext, type Invitation } from './invitation.ts'
import { invitationMail } from './invitation-mail.ts'
import type { StoredToken } from './invitation-store.ts'
import { findInvitationOfToken } from './public-invitation-store.ts'

/** The path parameter of those who were invited. */
export const tokenParam = { text: 'The last part of the link.' } as const

export interface IssuedToken {
  readonly token: string
  readonly stored: StoredToken
}

/** A new token for an invitation. Where a mail will carry it, it is kept as a hash alone. */
export function issueToken({ config, keyRing }: Platform, invitationId: string, now: Date): IssuedToken {
  const token = newToken()
  const encryptedToken = config.SMTP_URL === undefined ? keyRing.seal(token, tokenContext(invitationId)) : null
  return { token, stored: { tokenHash: hashToken(token), encryptedToken, expiresAt: expiryFrom(now), sentAt: now } }
}

/** Mails the link of a token whose invitation is committed; does nothing without a mail server. */
export async function mailLink(platform: Platform, token: string): Promise<void> {
  if (platform.config.SMTP_URL === undefined) return
  const invitation = await findInvitationOfToken(platform.db, hashToken(token))
  // Undefined when it was sent again in the meantime, with a mail of its own.
  if (invitation !== undefined) postMail(platform, invitationMail(invitation, linkOf(platform, token)))
}

/** The link of a pending invitation that no mail carries; undefined when there is none to show. */
export function shownLinkOf(platform: Platform, { id, status, encryptedToken }: Invitation): string | undefined {
  if (status !== 'pending' || encryptedToken === null) return undefined
  try {
    return linkOf(platform, platform.keyRing.open(encryptedToken, tokenContext(id)))
  } catch (error) {
    // Its key is gone from the ring: a resend makes another link, and the list is still readable.
    if (error instanceof SealBroken) return undefined
    throw error
  }
}

function linkOf({ config }: Platform, token: string): string {
  return `${appUrl(config)}/invite/${token}`
}
