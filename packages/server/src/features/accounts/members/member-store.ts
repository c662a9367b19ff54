import type { Db, Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Role } from '../../../platform/access/permissions.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import type { Platform } from '../../../platform/platform.ts'
import { problem } from '../../../platform/problems/problem.ts'
import type { Member } from './member.ts'

/** Newest first. */
export async function listMembers(db: Db, scope: OrgScope, page: Page): Promise<Slice<Member>> {
  const [rows, { total }] = await Promise.all([
    select(db, scope)
      .orderBy('m.joined_at', 'desc')
      .orderBy('m.user_id', 'desc')
      .limit(page.pageSize)
      .offset(offsetOf(page))
      .execute(),
    db
      .selectFrom('organization_members')
      .where('organization_id', '=', scope.organizationId)
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .executeTakeFirstOrThrow(),
  ])
  return { items: rows.map(toMember), total }
}

export async function findMember(db: Db, scope: OrgScope, userId: string): Promise<Member | undefined> {
  const row = await select(db, scope).where('m.user_id', '=', userId).executeTakeFirst()
  return row === undefined ? undefined : toMember(row)
}

/** Throws member-not-found. */
export async function getMember(db: Db, scope: OrgScope, userId: string): Promise<Member> {
  const member = await findMember(db, scope, userId)
  if (member === undefined) throw problem('member-not-found')
  return member
}

/** True when the address is a member's. */
export async function hasMemberWithEmail(db: Db, scope: OrgScope, email: string): Promise<boolean> {
  return (await select(db, scope).where('u.email', '=', email).executeTakeFirst()) !== undefined
}

/**
 * Holds the members and invitations of the organization still until the transaction ends; false when it is gone.
 * The organization's row is the lock: it is taken first everywhere, by its deletion too, so nobody waits in a ring.
 */
export async function holdMembers(tx: Tx, scope: OrgScope): Promise<boolean> {
  const row = await tx
    .selectFrom('organizations')
    .select('id')
    .where('id', '=', scope.organizationId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Holds the members still, and checks again that the caller is one who may do this: it can have changed since the request was let in.
 * Throws org-not-found or forbidden.
 */
export async function lockActor(
  tx: Tx,
  scope: OrgScope,
  actor: { readonly platform: Platform; readonly userId: string; readonly permission: string },
): Promise<Member> {
  const member = (await holdMembers(tx, scope)) ? await findMember(tx, scope, actor.userId) : undefined
  if (member === undefined) throw problem('org-not-found')
  if (!actor.platform.permissions.of(member.role).has(actor.permission))
    throw problem('forbidden', { detail: `This needs the permission ${actor.permission}.` })
  return member
}

/** Adds a member; somebody who is one stays as they are. */
export async function insertMember(
  tx: Tx,
  scope: OrgScope,
  { userId, role }: { readonly userId: string; readonly role: Role },
): Promise<void> {
  await tx
    .insertInto('organization_members')
    .values({ organization_id: scope.organizationId, user_id: userId, role })
    .onConflict((conflict) => conflict.columns(['organization_id', 'user_id']).doNothing())
    .execute()
}

export async function saveRole(
  tx: Tx,
  scope: OrgScope,
  { userId, role }: { readonly userId: string; readonly role: Role },
): Promise<void> {
  await tx
    .updateTable('organization_members')
    .set({ role })
    .where('organization_id', '=', scope.organizationId)
    .where('user_id', '=', userId)
    .execute()
}

/**
 * Ends a membership, and revokes the API keys that it carried: they must not come back to life when the person joins again.
 * The schedules that they made belong to the application: they go on, as nobody's.
 */
export async function deleteMember(
  tx: Tx,
  scope: OrgScope,
  { userId, now }: { readonly userId: string; readonly now: Date },
): Promise<void> {
  await tx
    .deleteFrom('organization_members')
    .where('organization_id', '=', scope.organizationId)
    .where('user_id', '=', userId)
    .execute()
  await tx
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('organization_id', '=', scope.organizationId)
    .where('created_by', '=', userId)
    .where('revoked_at', 'is', null)
    .execute()
  await tx
    .updateTable('schedules')
    .set({ user_id: null })
    .where('user_id', '=', userId)
    .where('organization_id', '=', scope.organizationId)
    .execute()
}

function select(db: Db, scope: OrgScope) {
  return db
    .selectFrom('organization_members as m')
    .innerJoin('users as u', 'u.id', 'm.user_id')
    .select(['m.user_id', 'm.role', 'm.joined_at', 'u.name', 'u.email'])
    .where('m.organization_id', '=', scope.organizationId)
}

function toMember(row: Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>): Member {
  return { userId: row.user_id, role: row.role, joinedAt: row.joined_at, displayName: row.name, email: row.email }
}
