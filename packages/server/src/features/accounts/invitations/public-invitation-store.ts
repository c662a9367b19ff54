import type { Db, Tx } from '../../../platform/db/database.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { holdMembers } from '../members/index.ts'
import type { InvitedRole } from './invitation.ts'

/** An invitation as the one who was invited sees it: the token in their link is all that they need to have. */
export interface PublicInvitation {
  readonly id: string
  readonly organizationId: string
  readonly orgName: string
  readonly email: string
  readonly role: InvitedRole
  readonly status: 'pending' | 'accepted' | 'cancelled'
  readonly inviterName: string | null
  readonly expiresAt: Date
  /** Only the mailbox has the token: who shows it has proved the address. */
  readonly provesAddress: boolean
  readonly acceptedBy: string | null
  /** The user who has the invited address already; null when nobody does. */
  readonly accountId: string | null
}

/** The invitation of a token, which stays as it is until the transaction ends. Throws invitation-not-found. */
export async function lockInvitationOfToken(tx: Tx, tokenHash: Buffer): Promise<PublicInvitation> {
  const seen = await getInvitationOfToken(tx, tokenHash)
  await holdMembers(tx, { organizationId: seen.organizationId })
  // Read again: it may have been cancelled, sent anew or deleted with its organization while this waited.
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
    .innerJoin('organizations as o', 'o.id', 'i.organization_id')
    .leftJoin('users as inviter', 'inviter.id', 'i.invited_by')
    .leftJoin('users as account', 'account.email', 'i.email')
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
