import type { Tx } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import type { Role } from '../../../platform/access/permissions.ts'
import { organizationSuspended } from '../../../platform/http/authorize.ts'
import { findMember, insertMember } from '../organizations/index.ts'
import { registerUser } from '../sign-in/index.ts'
import { refusalOfInvited } from '../sign-up/index.ts'
import { findOrganizationSuspension } from '../suspensions/index.ts'
import { refuseGone } from './invitation.ts'
import { lockInvitationOfToken, saveAcceptance, type PublicInvitation } from './invitation-store.ts'

/** The person who presents the token of an invitation. */
export interface Guest {
  /** The signed-in user; undefined without a session. */
  readonly sessionUserId: string | undefined
  readonly password: string | undefined
  readonly displayName: string | undefined
}

export interface Joined {
  readonly invitation: PublicInvitation
  readonly userId: string
  readonly role: Role
  readonly isNewUser: boolean
}

/** Makes the guest a member. Idempotent: a repeated call changes nothing. */
export async function joinByInvitation(
  tx: Tx,
  tokenHash: Buffer,
  { guest, platform, now }: { guest: Guest; platform: Pick<Platform, 'config'>; now: Date },
): Promise<Joined> {
  const invitation = foundOr(await lockInvitationOfToken(tx, tokenHash), 'invitation-not-found')
  const scope = { organizationId: invitation.organizationId }
  const suspension = await findOrganizationSuspension(tx, invitation.organizationId)
  if (suspension !== undefined) throw organizationSuspended(suspension.reason)
  const { sessionUserId } = guest
  const before =
    sessionUserId !== undefined && invitation.acceptedBy === sessionUserId
      ? await findMember(tx, scope, sessionUserId)
      : undefined
  if (before !== undefined) return { invitation, userId: before.userId, role: before.role, isNewUser: false }
  refuseGone(invitation, now)
  const accountId = findAccount(invitation, guest)
  const refusal = accountId === undefined ? refusalOfInvited(platform) : undefined
  if (refusal !== undefined) throw refusal
  const userId = accountId ?? (await register(tx, invitation, guest))
  await insertMember(tx, scope, { userId, role: invitation.role })
  await saveAcceptance(tx, scope, { id: invitation.id, userId })
  const { role } = foundOr(await findMember(tx, scope, userId), 'member-not-found')
  return { invitation, userId, role, isNewUser: accountId === undefined }
}

/** The account that joins; undefined if it must be created first. Throws email-mismatch or unauthorized. */
function findAccount(
  { accountId, email }: Pick<PublicInvitation, 'accountId' | 'email'>,
  { sessionUserId }: Pick<Guest, 'sessionUserId'>,
): string | undefined {
  if (sessionUserId === undefined && accountId === null) return undefined
  if (sessionUserId === undefined || accountId === null)
    throw sessionUserId === undefined ? signInFirst(email) : mismatch(email)
  if (accountId !== sessionUserId) throw mismatch(email)
  return accountId
}

async function register(
  tx: Tx,
  { email, provesAddress, orgName }: PublicInvitation,
  { password, displayName }: Guest,
): Promise<string> {
  if (password === undefined) {
    const mistake = {
      pointer: '/password',
      message: 'is required: it becomes the password of your new account',
      code: 'required',
    }
    throw problem('validation-error', { detail: `'password' ${mistake.message}.`, errors: [mistake] })
  }
  const user = { name: displayName ?? email, email, password, emailVerified: provesAddress }
  const userId = await registerUser(tx, user, [orgName])
  // A concurrent request signed up with the address.
  if (userId === undefined) throw signInFirst(email)
  return userId
}

function signInFirst(email: string) {
  return problem('unauthorized', { detail: `${email} has an account: sign in with it, then accept the invitation.` })
}

function mismatch(email: string) {
  return problem('email-mismatch', {
    detail: `The invitation is for ${email}, but you are signed in with another address.`,
  })
}
