import { sql, type ExpressionBuilder, type RawBuilder, type Selectable } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { DB, Invitations } from '../../../platform/db/schema.generated.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { lockMembers, organizationNames } from '../organizations/index.ts'
import { userAddresses, userNames } from '../sign-in/index.ts'
import { suspensionOf } from '../suspensions/index.ts'
import {
  invitationStatusesBefore,
  storedInvitationStatuses,
  type Invitation,
  type InvitationStatus,
  type InvitedRole,
  type StoredInvitationStatus,
} from './invitation.ts'

/** The token of the link in its stored form. */
export interface StoredToken {
  readonly tokenHash: Buffer
  readonly encryptedToken: string | null
  readonly expiresAt: Date
  readonly sentAt: Date
}

export interface NewInvitation extends StoredToken {
  readonly id: string
  readonly email: string
  readonly role: InvitedRole
  readonly invitedBy: string
}

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
  /**
   * Whether somebody else may have created that account while the token proves the address: the address of the account
   * was not confirmed when the invitation was made. Since then, the invited person may have confirmed it by the link
   * that a sign-up of somebody else had mailed.
   */
  readonly accountProof: 'proven' | 'unconfirmed' | 'confirmed-since'
  readonly invitedAt: Date
}

const columns = [
  'id',
  'organization_id',
  'email',
  'role',
  'status',
  'encrypted_token',
  'accepted_by',
  'expires_at',
  'created_at',
] as const satisfies readonly (keyof Invitations)[]

export async function insertInvitation(tx: Tx, scope: OrgScope, invitation: NewInvitation): Promise<Invitation> {
  const { id, email, role, invitedBy, ...token } = invitation
  const row = await tx
    .insertInto('invitations')
    .values({
      id,
      organization_id: scope.organizationId,
      email,
      role,
      status: 'pending',
      invited_by: invitedBy,
      created_at: token.sentAt,
      updated_at: token.sentAt,
      ...toColumns(token),
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toInvitation(row)
}

/** Cancels the pending invitation of the address, if any; returns its id. */
export async function cancelInvitationOf(tx: Tx, scope: OrgScope, email: string): Promise<string | undefined> {
  const row = await tx
    .updateTable('invitations')
    .set({ status: 'cancelled', encrypted_token: null, updated_at: sql`now()` })
    .where('organization_id', '=', scope.organizationId)
    .where('email', '=', email)
    .where('status', 'in', invitationStatusesBefore('cancelled'))
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

/** Counts the invitations that are pending at `now`, up to `max`. */
export async function countPending(
  tx: Tx,
  scope: OrgScope,
  { now, max }: { readonly now: Date; readonly max: number },
): Promise<number> {
  const rows = await tx
    .selectFrom('invitations')
    .select('id')
    .where('organization_id', '=', scope.organizationId)
    .where('status', '=', 'pending')
    .where('expires_at', '>', now)
    .limit(max)
    .execute()
  return rows.length
}

/** Newest first. */
export async function loadInvitations(
  db: Db,
  scope: OrgScope,
  { page, status, now }: { page: Page; status: InvitationStatus | undefined; now: Date },
): Promise<Slice<Invitation>> {
  const matching = db
    .selectFrom('invitations')
    .where('organization_id', '=', scope.organizationId)
    .where(hasStatus(status, now))
  return mapSlice(await loadNewest(db, { rows: matching.select(columns), matching }, page), toInvitation)
}

/** A transaction that holds the members keeps the invitation from changing. */
export async function findInvitation(db: Db, scope: OrgScope, id: string): Promise<Invitation | undefined> {
  const row = await db
    .selectFrom('invitations')
    .select(columns)
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : toInvitation(row)
}

export async function saveToken(
  tx: Tx,
  scope: OrgScope,
  { id, token }: { readonly id: string; readonly token: StoredToken },
): Promise<Invitation> {
  return save(tx, scope, { id, set: { ...toColumns(token), updated_at: token.sentAt } })
}

export async function saveInvitedRole(
  tx: Tx,
  scope: OrgScope,
  { id, role }: { readonly id: string; readonly role: InvitedRole },
): Promise<Invitation> {
  return save(tx, scope, { id, set: { role } })
}

export async function saveCancellation(tx: Tx, scope: OrgScope, id: string): Promise<Invitation> {
  return save(tx, scope, { id, set: { encrypted_token: null }, to: 'cancelled' })
}

export async function saveAcceptance(
  tx: Tx,
  scope: OrgScope,
  { id, userId }: { readonly id: string; readonly userId: string },
): Promise<Invitation> {
  return save(tx, scope, { id, set: { accepted_by: userId, encrypted_token: null }, to: 'accepted' })
}

/** Locks the invitation of a token until the transaction ends. */
export async function lockInvitationOfToken(tx: Tx, tokenHash: Buffer): Promise<PublicInvitation | undefined> {
  const seen = await findInvitationOfToken(tx, tokenHash)
  if (seen === undefined) return undefined
  await lockMembers(tx, { organizationId: seen.organizationId })
  // Read again: while waiting for the lock, it may have been cancelled, resent or deleted with its organization.
  return findInvitationOfToken(tx, tokenHash)
}

export async function findInvitationOfToken(db: Db, tokenHash: Buffer): Promise<PublicInvitation | undefined> {
  const row = await db
    .selectFrom('invitations as i')
    .innerJoin(organizationNames(db).as('o'), 'o.id', 'i.organization_id')
    .leftJoin(userNames(db).as('inviter'), 'inviter.id', 'i.invited_by')
    .leftJoin(userAddresses(db).as('account'), 'account.email', 'i.email')
    .select([
      'i.id',
      'i.organization_id',
      'i.email',
      'i.role',
      'i.status',
      'i.expires_at',
      'i.encrypted_token',
      'i.accepted_by',
      'i.created_at',
    ])
    .select(['o.name as org_name', 'inviter.name as inviter_name', 'account.id as account_id'])
    .select(['account.email_verified', 'account.confirmed_at'])
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
    accountProof: proofOf(row),
    invitedAt: row.created_at,
  }
}

interface AccountOfAddress {
  readonly encrypted_token: string | null
  readonly created_at: Date
  readonly email_verified: boolean | null
  readonly confirmed_at: Date | null
}

function proofOf({ encrypted_token, created_at, email_verified, confirmed_at }: AccountOfAddress) {
  if (email_verified === null || encrypted_token !== null) return 'proven'
  if (!email_verified) return 'unconfirmed'
  return confirmed_at !== null && confirmed_at >= created_at ? 'confirmed-since' : 'proven'
}

/** Whether an organization, which is not suspended, has invited the address. Unscoped. */
export async function hasPendingInvitation(db: Db, email: string, now: Date): Promise<boolean> {
  const row = await db
    .selectFrom('invitations as i')
    .innerJoin(organizationNames(db).as('o'), 'o.id', 'i.organization_id')
    .select('i.id')
    .where('i.email', '=', email)
    .where('i.status', '=', 'pending')
    .where('i.expires_at', '>', now)
    .where(sql<boolean>`not exists (${suspensionOf(sql.ref('i.organization_id'))})`)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Selects a row for each invitation of an organization. */
export function invitationsOf(organizationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from invitations where organization_id = ${organizationId}`
}

async function save(
  tx: Tx,
  scope: OrgScope,
  { id, set, to }: { id: string; set: Partial<Selectable<Invitations>>; to?: StoredInvitationStatus },
): Promise<Invitation> {
  const row = await tx
    .updateTable('invitations')
    .set({ updated_at: sql`now()`, ...set, ...(to === undefined ? {} : { status: to }) })
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', id)
    .where('status', 'in', to === undefined ? storedInvitationStatuses : invitationStatusesBefore(to))
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toInvitation(row)
}

function hasStatus(status: InvitationStatus | undefined, now: Date) {
  return (eb: ExpressionBuilder<DB, 'invitations'>) => {
    if (status === undefined) return eb.and([])
    if (status !== 'pending' && status !== 'expired') return eb('status', '=', status)
    return eb.and([eb('status', '=', 'pending'), eb('expires_at', status === 'expired' ? '<=' : '>', now)])
  }
}

function toColumns({ tokenHash, encryptedToken, expiresAt, sentAt }: StoredToken) {
  return { token_hash: tokenHash, encrypted_token: encryptedToken, expires_at: expiresAt, sent_at: sentAt }
}

function toInvitation(row: Pick<Selectable<Invitations>, (typeof columns)[number]>): Invitation {
  return {
    id: row.id,
    organizationId: row.organization_id,
    email: row.email,
    role: row.role,
    status: row.status,
    encryptedToken: row.encrypted_token,
    acceptedBy: row.accepted_by,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
  }
}

/** Removes invitations of a deleted organization. */
export const removeInvitations = removalFrom('invitations', 'organization_id')
