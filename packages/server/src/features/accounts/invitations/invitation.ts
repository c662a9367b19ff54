import { createHash, randomBytes } from 'node:crypto'
import { problem } from '../../../platform/problems/problem.ts'

/** What an invitation can make of somebody; an ownership is transferred, never given out. */
export const invitedRoles = ['admin', 'member', 'viewer'] as const
export type InvitedRole = (typeof invitedRoles)[number]

/** `expired` is a pending one whose time is over; it is not stored. */
export const invitationStatuses = ['pending', 'accepted', 'cancelled', 'expired'] as const
export type InvitationStatus = (typeof invitationStatuses)[number]

export interface Invitation {
  readonly id: string
  readonly organizationId: string
  readonly email: string
  readonly role: InvitedRole
  readonly status: 'pending' | 'accepted' | 'cancelled'
  /** The token, sealed, where no mail carried it; null when only the mailbox has it. */
  readonly encryptedToken: string | null
  readonly acceptedBy: string | null
  readonly expiresAt: Date
  readonly createdAt: Date
}

/** Pending invitations that an organization may have. */
export const pendingInvitationsMax = 500
const lifetimeMs = 7 * 24 * 60 * 60 * 1000

export function expiryFrom(now: Date): Date {
  return new Date(now.getTime() + lifetimeMs)
}

/** The secret in an invitation's link: 256 random bits. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** What a sealed token is bound to. */
export function tokenContext(invitationId: string): string {
  return `invitation:${invitationId}`
}

export function statusAt({ status, expiresAt }: Pick<Invitation, 'status' | 'expiresAt'>, now: Date): InvitationStatus {
  return status === 'pending' && expiresAt <= now ? 'expired' : status
}

/** Throws invitation-not-pending; one that expired can still be resent, changed or cancelled. */
export function refuseSettled({ status }: Pick<Invitation, 'status'>): void {
  if (status !== 'pending') throw problem('invitation-not-pending', { detail: `The invitation was ${status}.` })
}

/** Throws invitation-accepted, invitation-cancelled or invitation-expired. */
export function refuseGone(invitation: Pick<Invitation, 'status' | 'expiresAt'>, now: Date): void {
  switch (statusAt(invitation, now)) {
    case 'pending':
      return
    case 'accepted':
      throw problem('invitation-accepted', { detail: 'The invitation was accepted before: sign in.' })
    case 'cancelled':
      throw problem('invitation-cancelled', { detail: 'The invitation was taken back, or a newer one took its place.' })
    case 'expired':
      throw problem('invitation-expired', { detail: 'The invitation has expired: ask for a new one.' })
  }
}

/** Throws too-many-invitations. */
export function refuseTooMany(pending: number): void {
  if (pending < pendingInvitationsMax) return
  throw problem('too-many-invitations', {
    detail: `An organization has at most ${pendingInvitationsMax} pending invitations: cancel some, or wait until they are accepted.`,
  })
}
