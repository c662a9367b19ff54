import type { Db, Tx } from '../../../platform/db/database.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { lockMembers, organizationNames } from '../organizations/index.ts'
import { userNames } from '../sign-in/index.ts'
import type { InvitedRole, StoredInvitationStatus } from './invitation.ts'

/** An invitation as the invited person sees it. The token of the link is their only credential. */
export interface PublicInvitation {
  readonly id: string
  readonly organizationId: string
  readonly orgName: string
  readonly email: string
  readonly role: InvitedRole
  readonly status: StoredInvitationStatus
  readonly inviterName: string | null
  readonly expiresAt: Date
  /** Whether the token proves the address: true if the token was only sent to the mailbox. */
  readonly provesAddress: boolean
  readonly acceptedBy: string | null
  /** The user who already has the invited address; null if there is none. */
  readonly accountId: string | null
}

/** Gets the invitation of a token and locks it until the transaction ends. Throws invitation-not-found. */
export async function lockInvitationOfToken(tx: Tx, tokenHash: Buffer): Promise<PublicInvitation> {
  const seen = await getInvitationOfToken(tx, tokenHash)
  await lockMembers(tx, { organizationId: seen.organizationId })
  // Read again: while waiting for the lock, it may have been cancelled, resent or deleted with its organization.
  return getInvitationOfToken(tx, tokenHash)
}

/** Throws invitation-not-found. */
export async function getInvitationOfToken(db: Db, tokenHash: Buffer): Promise<PublicInvitation> {
  const invitation = await findInvitationOfToken(db, tokenHash)
  if (invitation === undefined) throw problem('invitation-not-found')
  return invitation
}

export async function findInvitationOfToken(db: Db, tokenHash: Buffer): Promise<PublicInvitation | undefined> {
  const row = await db
    .selectFrom('invitations as i')
    .innerJoin(organizationNames(db).as('o'), 'o.id', 'i.organization_id')
    .leftJoin(userNames(db).as('inviter'), 'inviter.id', 'i.invited_by')
    .leftJoin(userNames(db).as('account'), 'account.email', 'i.email')
    .select([
      'i.id',
      'i.organization_id',
      'i.email',
      'i.role',
      'i.status',
      'i.expires_at',
      'i.encrypted_token',
      'i.accepted_by',
    ])
    .select(['o.name as org_name', 'inviter.name as inviter_name', 'account.id as account_id'])
    .where('i.token_hash', '=', tokenHash)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return {
    id: row.id,
    organizationId: row.organization_id,
    orgName: row.org_name,
    email: row.email,
    role: row.role,
    status: row.status,
    inviterName: row.inviter_name,
    expiresAt: row.expires_at,
    provesAddress: row.encrypted_token === null,
    acceptedBy: row.accepted_by,
    accountId: row.account_id,
  }
}
