import type { Tx } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import type { Role } from '../../../platform/access/permissions.ts'
import { organizationSuspended } from '../../../platform/http/authorize.ts'
import { findMember, insertMember } from '../organizations/index.ts'
import { reclaimAccount, registerUser } from '../sign-in/index.ts'
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
  /** Whether the account existed, but was given to the guest. Its sessions have ended. */
  readonly isReclaimed: boolean
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
  if (before !== undefined)
    return { invitation, userId: before.userId, role: before.role, isNewUser: false, isReclaimed: false }
  refuseGone(invitation, now)
  const { userId, isNewUser, isReclaimed } = await enter(tx, invitation, { guest, platform })
  await insertMember(tx, scope, { userId, role: invitation.role })
  await saveAcceptance(tx, scope, { id: invitation.id, userId })
  const { role } = foundOr(await findMember(tx, scope, userId), 'member-not-found')
  return { invitation, userId, role, isNewUser, isReclaimed }
}

/** Finds, creates or takes over the account that joins. */
async function enter(
  tx: Tx,
  invitation: PublicInvitation,
  { guest, platform }: { guest: Guest; platform: Pick<Platform, 'config'> },
): Promise<Pick<Joined, 'userId' | 'isNewUser' | 'isReclaimed'>> {
  if (invitation.accountId !== null && mustReclaim(invitation, guest)) {
    await reclaim(tx, { ...invitation, accountId: invitation.accountId }, guest)
    return { userId: invitation.accountId, isNewUser: true, isReclaimed: true }
  }
  const accountId = findAccount(invitation, guest)
  if (accountId !== undefined) return { userId: accountId, isNewUser: false, isReclaimed: false }
  const refusal = refusalOfInvited(platform)
  if (refusal !== undefined) throw refusal
  return { userId: await register(tx, invitation, guest), isNewUser: true, isReclaimed: false }
}

// Nobody has a session of an unconfirmed account by a mail that somebody else caused; of a confirmed one they may.
function mustReclaim({ accountId, accountProof }: PublicInvitation, { sessionUserId }: Guest): boolean {
  if (sessionUserId === undefined) return accountProof !== 'proven'
  return accountProof === 'confirmed-since' && accountId === sessionUserId
}

async function reclaim(
  tx: Tx,
  { accountId: id, email, orgName, invitedAt: since }: PublicInvitation & { readonly accountId: string },
  { password, displayName }: Guest,
): Promise<void> {
  const user = { id, name: displayName ?? email, email, password: passwordOr(password) }
  if (!(await reclaimAccount(tx, user, { since, about: [orgName] }))) throw signInFirst(email)
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
  const user = { name: displayName ?? email, email, password: passwordOr(password), emailVerified: provesAddress }
  const userId = await registerUser(tx, user, [orgName])
  // A concurrent request signed up with the address.
  if (userId === undefined) throw signInFirst(email)
  return userId
}

/** The new password. Throws `validation-error` without one. */
function passwordOr(password: string | undefined): string {
  if (password !== undefined) return password
  const mistake = {
    pointer: '/password',
    message: 'is required: it becomes the password of your new account',
    code: 'required',
  }
  throw problem('validation-error', { detail: `'password' ${mistake.message}.`, errors: [mistake] })
}

function signInFirst(email: string) {
  return problem('unauthorized', { detail: `${email} has an account: sign in with it, then accept the invitation.` })
}

function mismatch(email: string) {
  return problem('email-mismatch', {
    detail: `The invitation is for ${email}, but you are signed in with another address.`,
  })
}
