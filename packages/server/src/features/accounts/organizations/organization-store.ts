import { sql } from 'kysely'
import { violatesUnique, type Db, type Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { applicationOwners, everyApplicationOf } from '../applications/index.ts'
import { organizationSuspensions } from '../suspensions/index.ts'
import type { Organization } from './organization.ts'
import { keptIn } from '../../../platform/hooks/postgres-kept.ts'

export interface NewOrganization {
  readonly name: string
  readonly slug: string
  readonly apiVersion: string
  readonly createdBy: string
}

/** Inserts an organization; returns its id, or undefined if the slug is taken. */
export async function insertOrganization(
  tx: Tx,
  { name, slug, apiVersion, createdBy }: NewOrganization,
): Promise<string | undefined> {
  if (await isRetired(tx, slug)) return undefined
  const row = await tx
    .insertInto('organizations')
    .values({ id: newUuid(), name, slug, api_version: apiVersion, created_by: createdBy })
    .onConflict((conflict) => conflict.column('slug').doNothing())
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

/** The organizations of a user, newest first. */
export async function loadOrganizationsOf(db: Db, userId: string, page: Page): Promise<Slice<Organization>> {
  const matching = liveOrganizations(db)
    .innerJoin('organization_members as m', 'm.organization_id', 'o.id')
    .where('m.user_id', '=', userId)
  const list = { rows: select(db, userId), matching, idColumn: 'm.organization_id' }
  return mapSlice(await loadNewest(db, list, page), toOrganization)
}

/** The organization as a member sees it. */
export async function findOrganization(db: Db, scope: OrgScope, userId: string): Promise<Organization | undefined> {
  const row = await select(db, userId).where('m.organization_id', '=', scope.organizationId).executeTakeFirst()
  return row === undefined ? undefined : toOrganization(row)
}

/** Saves the fields in `changes`; absent fields do not change. After `taken`, the transaction must be rolled back. */
export async function saveOrganization(
  tx: Tx,
  scope: OrgScope,
  changes: { readonly name?: string; readonly slug?: string },
): Promise<'saved' | 'taken'> {
  const { name, slug } = changes
  if (slug !== undefined && (await isRetired(tx, slug))) return 'taken'
  try {
    await tx
      .updateTable('organizations')
      .set({ ...(name === undefined ? {} : { name }), ...(slug === undefined ? {} : { slug }), updated_at: sql`now()` })
      .where('id', '=', scope.organizationId)
      .execute()
    return 'saved'
  } catch (error) {
    if (violatesUnique(error, 'organizations_slug_key')) return 'taken'
    throw error
  }
}

export interface OrganizationSettings {
  /** The version pin, or null without one. */
  readonly apiVersion: string | null
  /** How long audit entries are kept; null: as long as the organization. */
  readonly auditRetentionDays: number | null
}

export async function findSettings(db: Db, scope: OrgScope): Promise<OrganizationSettings | undefined> {
  const row = await liveOrganizations(db)
    .select(['api_version', 'audit_retention_days'])
    .where('id', '=', scope.organizationId)
    .executeTakeFirst()
  return row === undefined ? undefined : { apiVersion: row.api_version, auditRetentionDays: row.audit_retention_days }
}

export async function saveSettings(tx: Tx, scope: OrgScope, settings: OrganizationSettings): Promise<void> {
  await tx
    .updateTable('organizations')
    .set({
      api_version: settings.apiVersion,
      audit_retention_days: settings.auditRetentionDays,
      updated_at: sql`now()`,
    })
    .where('id', '=', scope.organizationId)
    .execute()
}

/** The organizations whose audit log is kept for a number of days, to be joined. */
export const organizationsWithRetention = sql`(
  select id, audit_retention_days from organizations where audit_retention_days is not null and deleted_at is null)`

/** Locks the organization's own row until the transaction ends. */
export async function lockOrganization(tx: Tx, scope: OrgScope): Promise<{ readonly id: string } | undefined> {
  return liveOrganizations(tx).select('id').where('id', '=', scope.organizationId).forUpdate().executeTakeFirst()
}

/** Serializes changes within the organization until the transaction ends; false if the organization is gone. */
export async function serializeInOrganization(tx: Tx, scope: OrgScope): Promise<boolean> {
  const row = await liveOrganizations(tx)
    .select('id')
    .where('id', '=', scope.organizationId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/** Keeps organizations from being deleted until the transaction ends; returns the ids of those that exist. */
export async function holdOrganizations(tx: Tx, ids: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from organizations where id = any(${ids}::uuid[]) order by id for key share`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Keeps applications, and their organizations, from being deleted until the transaction ends. */
export async function holdApplications(tx: Tx, applicationIds: readonly string[]): Promise<void> {
  await liveOrganizations(tx)
    .innerJoin(applicationOwners(tx).as('a'), 'a.organization_id', 'o.id')
    .select('a.id')
    .where(sql<boolean>`a.id = any(${applicationIds}::uuid[])`)
    .orderBy('a.id')
    .forKeyShare(['o', 'a'])
    .execute()
}

export async function findSlug(db: Db, scope: OrgScope): Promise<string | undefined> {
  const row = await liveOrganizations(db).select('slug').where('id', '=', scope.organizationId).executeTakeFirst()
  return row?.slug
}

/** Names and slugs of the user's newest organizations, at most 50. */
export async function namesOfOrganizationsOf(db: Db, userId: string): Promise<string[]> {
  const rows = await liveOrganizations(db)
    .innerJoin('organization_members as m', 'm.organization_id', 'o.id')
    .where('m.user_id', '=', userId)
    .select(['o.name', 'o.slug'])
    .orderBy('m.organization_id', 'desc')
    .limit(50)
    .execute()
  return rows.flatMap(({ name, slug }) => [name, slug])
}

/** Names of organizations, to be joined. */
export function organizationNames(db: Db) {
  return liveOrganizations(db).select(['id', 'name'])
}

/** False before the first organization is created. */
export async function hasOrganizations(db: Db): Promise<boolean> {
  return (await liveOrganizations(db).select('id').limit(1).executeTakeFirst()) !== undefined
}

/** The organizations that are not deleted, as `o`. Every other statement about organizations starts here. */
export function liveOrganizations(db: Db) {
  return db.selectFrom('organizations as o').where('o.deleted_at', 'is', null)
}

/**
 * Marks the organization as deleted, and retires its slug: from the commit on it is not found anywhere. A job removes
 * what it contains.
 */
export async function markOrganizationDeleted(tx: Tx, scope: OrgScope): Promise<void> {
  await sql`
    with marked as (
      update organizations set deleted_at = now() where id = ${scope.organizationId} returning slug)
    insert into retired_slugs (slug) select slug from marked on conflict do nothing`.execute(tx)
}

async function isRetired(tx: Tx, slug: string): Promise<boolean> {
  return (await tx.selectFrom('retired_slugs').select('slug').where('slug', '=', slug).executeTakeFirst()) !== undefined
}

function select(db: Db, userId: string) {
  return liveOrganizations(db)
    .innerJoin('organization_members as m', 'm.organization_id', 'o.id')
    .leftJoin(organizationSuspensions(db).as('s'), 's.organization_id', 'o.id')
    .select(['o.id', 'o.name', 'o.slug', 'm.role', 's.reason', 's.suspended_at', 'o.created_at', 'o.updated_at'])
    .where('m.user_id', '=', userId)
}

function toOrganization(row: Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>): Organization {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    role: row.role,
    suspension:
      row.reason === null || row.suspended_at === null ? null : { reason: row.reason, suspendedAt: row.suspended_at },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** Deleted organizations whose applications are gone, longest deleted first. Unscoped. */
export async function findDeletedOrganizations(db: Db, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from organizations
    where deleted_at is not null and not exists (${everyApplicationOf(sql.ref('organizations.id'))})
    order by deleted_at, id limit ${limit}`.execute(db)
  return rows.map(({ id }) => id)
}

/** Locks a deleted organization until the transaction ends; false if it is gone, or locked by another process. */
export async function lockDeletedOrganization(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    select from organizations where id = ${id} and deleted_at is not null for no key update skip locked`.execute(tx)
  return rows.length > 0
}

/** Deletes the row of a locked deleted organization, whose contents were removed. */
export async function deleteOrganizationRow(tx: Tx, id: string): Promise<void> {
  await sql`delete from organizations where id = ${id} and deleted_at is not null`.execute(tx)
}

/** Whether the organization with this stored id is still there. */
export const isOrganizationKept = keptIn('organizations', sql<boolean>`deleted_at is null`)
