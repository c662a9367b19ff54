import { sql, type RawBuilder } from 'kysely'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Role } from '../../../platform/access/permissions.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import type { TimeAndId } from '../../../platform/lists/cursor.ts'
import { loadPage, mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { tableList } from '../../../platform/lists/postgres-list.ts'
import { userNames } from '../sign-in/index.ts'
import { organizationSuspensions } from '../suspensions/index.ts'
import { liveOrganizations, serializeInOrganization } from './organization-store.ts'

export interface Member {
  readonly userId: string
  readonly role: Role
  readonly joinedAt: Date
  readonly displayName: string
  readonly email: string
}

/** Newest first. */
export async function loadMembers(db: Db, scope: OrgScope, page: Page<TimeAndId>): Promise<Slice<Member, TimeAndId>> {
  const list = tableList(db, {
    rows: select(db, scope),
    matching: db.selectFrom('organization_members as m').where('m.organization_id', '=', scope.organizationId),
    order: {
      columns: ['m.joined_at', 'm.user_id'],
      direction: 'desc',
      valuesOf: ({ time, id }: TimeAndId) => [time, id],
    },
    keyOf: (row) => ({ time: row.joined_at, id: row.user_id }),
  })
  return mapSlice(await loadPage(list, page), toMember)
}

export async function findMember(db: Db, scope: OrgScope, userId: string): Promise<Member | undefined> {
  const row = await select(db, scope).where('m.user_id', '=', userId).executeTakeFirst()
  return row === undefined ? undefined : toMember(row)
}

/** True when a member has the address. */
export async function hasMemberWithEmail(db: Db, scope: OrgScope, email: string): Promise<boolean> {
  return (await select(db, scope).where('u.email', '=', email).executeTakeFirst()) !== undefined
}

/** The given users who are members of the organization, by name. */
export async function findMemberProfiles(
  db: Db,
  scope: OrgScope,
  ids: readonly string[],
): Promise<{ id: string; displayName: string }[]> {
  return db
    .selectFrom('organization_members as m')
    .innerJoin(userNames(db).as('u'), 'u.id', 'm.user_id')
    .select(['u.id', 'u.name as displayName'])
    .where('m.organization_id', '=', scope.organizationId)
    .where(sql<boolean>`m.user_id = any(${ids}::text[])`)
    .orderBy('u.name')
    .orderBy('u.id')
    .execute()
}

/**
 * Locks the members and invitations of the organization until the transaction ends; false if the organization is gone.
 * The lock is the organization's row. Every transaction takes it first, including a deletion, to avoid deadlocks.
 */
export const lockMembers = serializeInOrganization

/** How many organizations the user owns. */
export async function countOwned(db: Db, userId: string): Promise<number> {
  const { count } = await liveOrganizations(db)
    .innerJoin('organization_members as m', 'm.organization_id', 'o.id')
    .where('m.user_id', '=', userId)
    .where('m.role', '=', 'owner')
    .select(sql<number>`count(*)::int`.as('count'))
    .executeTakeFirstOrThrow()
  return count
}

/** Adds a member. An existing member keeps their role. */
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

/** Deletes a membership; the hooks `memberLeft` must run in the same transaction. */
export async function deleteMember(tx: Tx, scope: OrgScope, userId: string): Promise<void> {
  await tx
    .deleteFrom('organization_members')
    .where('organization_id', '=', scope.organizationId)
    .where('user_id', '=', userId)
    .execute()
}

/** Selects a row for each member of an organization. */
export function membersOf(organizationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from organization_members where organization_id = ${organizationId}`
}

/** Memberships with the version pin of their organization, and the reason if it is suspended, to be joined. */
export function memberships(db: Db) {
  return liveOrganizations(db)
    .innerJoin('organization_members as m', 'm.organization_id', 'o.id')
    .leftJoin(organizationSuspensions(db).as('s'), 's.organization_id', 'o.id')
    .select(['m.organization_id', 'm.user_id', 'm.role', 'o.api_version', 's.reason as suspension_reason'])
}

/** What a membership gives to a request. */
export interface StoredMembership {
  readonly organizationId: string
  readonly role: Role
  readonly apiVersion: string | null
  /** Why the organization is suspended; null if it is not. */
  readonly suspensionReason: string | null
}

export async function findMembership(
  db: Db,
  userId: string,
  organizationId: string,
): Promise<StoredMembership | undefined> {
  const row = await memberships(db)
    .where('m.user_id', '=', userId)
    .where('m.organization_id', '=', organizationId)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { role, api_version: apiVersion, suspension_reason: suspensionReason } = row
  return { organizationId, role, apiVersion, suspensionReason }
}

/** The role of each user in each of their organizations that are not suspended, by `<organization>:<user>`. */
export async function findRoles(db: Db, userIds: readonly string[]): Promise<Map<string, Role>> {
  const { rows } = await sql<{ key: string; role: Role }>`
    select m.organization_id || ':' || m.user_id as key, m.role from ${memberships(db)} m
    where m.user_id = any(${userIds}::text[]) and m.suspension_reason is null`.execute(db)
  return new Map(rows.map(({ key, role }) => [key, role]))
}

function select(db: Db, scope: OrgScope) {
  return db
    .selectFrom('organization_members as m')
    .innerJoin(userNames(db).as('u'), 'u.id', 'm.user_id')
    .select(['m.user_id', 'm.role', 'm.joined_at', 'u.name', 'u.email'])
    .where('m.organization_id', '=', scope.organizationId)
}

function toMember(row: Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>): Member {
  return { userId: row.user_id, role: row.role, joinedAt: row.joined_at, displayName: row.name, email: row.email }
}

/** Removes memberships of a deleted organization. */
export const removeMembers = removalFrom('organization_members', 'organization_id')
