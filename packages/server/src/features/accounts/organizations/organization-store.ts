import { sql } from 'kysely'
import { violatesUnique, type Db, type Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { applicationOwners } from '../applications/index.ts'
import type { Organization } from './organization.ts'

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
  const matching = db.selectFrom('organization_members as m').where('m.user_id', '=', userId)
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

/** The version pin, or null without one; undefined without an organization. */
export async function findApiVersion(db: Db, scope: OrgScope): Promise<string | null | undefined> {
  const row = await db
    .selectFrom('organizations')
    .select('api_version')
    .where('id', '=', scope.organizationId)
    .executeTakeFirst()
  return row?.api_version
}

export async function saveApiVersion(tx: Tx, scope: OrgScope, apiVersion: string | null): Promise<void> {
  await tx
    .updateTable('organizations')
    .set({ api_version: apiVersion, updated_at: sql`now()` })
    .where('id', '=', scope.organizationId)
    .execute()
}

/** Locks the organization's own row until the transaction ends. */
export async function lockOrganization(tx: Tx, scope: OrgScope): Promise<{ readonly id: string } | undefined> {
  return tx
    .selectFrom('organizations')
    .select('id')
    .where('id', '=', scope.organizationId)
    .forUpdate()
    .executeTakeFirst()
}

/** Serializes changes within the organization until the transaction ends; false if the organization is gone. */
export async function serializeInOrganization(tx: Tx, scope: OrgScope): Promise<boolean> {
  const row = await tx
    .selectFrom('organizations')
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
  await tx
    .selectFrom('organizations as o')
    .innerJoin(applicationOwners(tx).as('a'), 'a.organization_id', 'o.id')
    .select('a.id')
    .where('a.id', 'in', [...applicationIds])
    .orderBy('a.id')
    .forKeyShare(['o', 'a'])
    .execute()
}

export async function findSlug(db: Db, scope: OrgScope): Promise<string | undefined> {
  const row = await db
    .selectFrom('organizations')
    .select('slug')
    .where('id', '=', scope.organizationId)
    .executeTakeFirst()
  return row?.slug
}

/** Names of organizations, to be joined. */
export function organizationNames(db: Db) {
  return db.selectFrom('organizations').select(['id', 'name'])
}

/** False before the first organization is created. */
export async function hasOrganizations(db: Db): Promise<boolean> {
  return (await db.selectFrom('organizations').select('id').limit(1).executeTakeFirst()) !== undefined
}

/** Deletes the organization and everything in it. */
export async function deleteOrganizationRow(tx: Tx, scope: OrgScope): Promise<void> {
  // One statement deletes years of runs.
  await sql`set local statement_timeout = '10min'`.execute(tx)
  await tx.deleteFrom('organizations').where('id', '=', scope.organizationId).execute()
}

function select(db: Db, userId: string) {
  return db
    .selectFrom('organization_members as m')
    .innerJoin('organizations as o', 'o.id', 'm.organization_id')
    .select(['o.id', 'o.name', 'o.slug', 'm.role', 'o.created_at', 'o.updated_at'])
    .where('m.user_id', '=', userId)
}

function toOrganization(row: Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>): Organization {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    role: row.role,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
