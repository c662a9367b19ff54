import { createHash, randomBytes } from 'node:crypto'
import { lifecycleOf } from '../../../platform/lifecycle/lifecycle.ts'
import { problem } from '../../../platform/problems/problem.ts'

/** The roles that an invitation can give. Ownership can only be transferred. */
export const invitedRoles = ['admin', 'member', 'viewer'] as const
export type InvitedRole = (typeof invitedRoles)[number]

/** Every stored status of an invitation, and where it can go. */
export const invitationTransitions = {
  pending: ['accepted', 'cancelled'],
  accepted: [],
  cancelled: [],
} as const satisfies Record<string, readonly string[]>
export type StoredInvitationStatus = keyof typeof invitationTransitions

const life = lifecycleOf(invitationTransitions)
export const {
  statuses: storedInvitationStatuses,
  /** The statuses from which another can be reached. */
  before: invitationStatusesBefore,
} = life

/** `expired` is derived, not stored: the invitation is pending, and its expiry has passed. */
export const invitationStatuses = [...storedInvitationStatuses, 'expired'] as const
export type InvitationStatus = (typeof invitationStatuses)[number]

export interface Invitation {
  readonly id: string
  readonly organizationId: string
  readonly email: string
  readonly role: InvitedRole
  readonly status: StoredInvitationStatus
  /** The sealed token if the link was not mailed; null if only the mailbox received it. */
  readonly encryptedToken: string | null
  readonly acceptedBy: string | null
  readonly expiresAt: Date
  readonly createdAt: Date
}

/** The maximum number of pending invitations in an organization. */
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

/** The path parameter that identifies an invitation without credentials. */
export const tokenParam = { text: 'The last part of the invitation link.' } as const

/** The context that a sealed token is bound to. */
export function tokenContext(invitationId: string): string {
  return `invitation:${invitationId}`
}

export function statusAt({ status, expiresAt }: Pick<Invitation, 'status' | 'expiresAt'>, now: Date): InvitationStatus {
  return status === 'pending' && expiresAt <= now ? 'expired' : status
}

/** Throws invitation-not-pending. An expired invitation can still be resent, changed or cancelled. */
export function refuseSettled({ status }: Pick<Invitation, 'status'>): void {
  if (life.isTerminal(status)) throw problem('invitation-not-pending', { detail: `The invitation was ${status}.` })
}

/** Throws invitation-accepted, invitation-cancelled or invitation-expired. */
export function refuseGone(invitation: Pick<Invitation, 'status' | 'expiresAt'>, now: Date): void {
  switch (statusAt(invitation, now)) {
    case 'pending':
      return
    case 'accepted':
      throw problem('invitation-accepted', { detail: 'The invitation has already been accepted: sign in.' })
    case 'cancelled':
      throw problem('invitation-cancelled', { detail: 'The invitation was cancelled or replaced by a newer one.' })
    case 'expired':
      throw problem('invitation-expired', { detail: 'The invitation has expired: ask for a new one.' })
  }
}

/** Throws too-many-invitations. */
export function refuseTooMany(pending: number): void {
  if (pending < pendingInvitationsMax) return
  throw problem('too-many-invitations', {
    detail:
      `An organization can have at most ${pendingInvitationsMax} pending invitations: ` +
      'cancel some, or wait until they are accepted.',
  })
}
