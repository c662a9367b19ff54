import { sql } from 'kysely'
import { violatesUnique, type Db, type Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { countedMax } from '../applications/index.ts'
import type { Organization, Possessions } from './organization.ts'

export interface NewOrganization {
  readonly name: string
  readonly slug: string
  readonly apiVersion: string
  readonly createdBy: string
}

/** The new organization's id, or undefined when the slug is taken. */
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
export async function listOrganizationsOf(db: Db, userId: string, page: Page): Promise<Slice<Organization>> {
  const [rows, { total }] = await Promise.all([
    select(db, userId).orderBy('m.organization_id', 'desc').limit(page.pageSize).offset(offsetOf(page)).execute(),
    db
      .selectFrom('organization_members')
      .where('user_id', '=', userId)
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .executeTakeFirstOrThrow(),
  ])
  return { items: rows.map(toOrganization), total }
}

/** The organization as a member sees it. Throws org-not-found. */
export async function getOrganization(db: Db, scope: OrgScope, userId: string): Promise<Organization> {
  const row = await select(db, userId).where('m.organization_id', '=', scope.organizationId).executeTakeFirst()
  if (row === undefined) throw problem('org-not-found')
  return toOrganization(row)
}

/** What `changes` leaves out stays. Throws slug-taken. */
export async function saveOrganization(
  tx: Tx,
  scope: OrgScope,
  changes: { readonly name?: string; readonly slug?: string },
): Promise<void> {
  const { name, slug } = changes
  try {
    await tx
      .updateTable('organizations')
      .set({ ...(name === undefined ? {} : { name }), ...(slug === undefined ? {} : { slug }), updated_at: sql`now()` })
      .where('id', '=', scope.organizationId)
      .execute()
  } catch (error) {
    if (violatesUnique(error, 'organizations_slug_key'))
      throw problem('slug-taken', { detail: `Another organization has the slug ${String(slug)}.` })
    throw error
  }
}

/** The version pin. Throws org-not-found. */
export async function getApiVersion(db: Db, scope: OrgScope): Promise<string | null> {
  const row = await db
    .selectFrom('organizations')
    .select('api_version')
    .where('id', '=', scope.organizationId)
    .executeTakeFirst()
  if (row === undefined) throw problem('org-not-found')
  return row.api_version
}

export async function saveApiVersion(tx: Tx, scope: OrgScope, apiVersion: string | null): Promise<void> {
  await tx
    .updateTable('organizations')
    .set({ api_version: apiVersion, updated_at: sql`now()` })
    .where('id', '=', scope.organizationId)
    .execute()
}

/** What is in the organization beside its applications' content. Each number stops at `countedMax`. */
export async function countPossessions(db: Db, scope: OrgScope): Promise<Possessions> {
  const of = (table: string) =>
    sql`(select count(*) from (select 1 from ${sql.table(table)} where organization_id = ${scope.organizationId} limit ${countedMax}) capped)`
  const { rows } =
    await sql<Possessions>`select ${of('organization_members')} as members, ${of('invitations')} as invitations,
    ${of('applications')} as applications, ${of('packages')} as packages, ${of('models')} as models, ${of('provider_keys')} as "providerKeys"`.execute(
      db,
    )
  const [possessions] = rows
  if (possessions === undefined) throw new Error('Counting gave no row.')
  return possessions
}

/** Nobody changes the organization itself until the transaction ends. Throws org-not-found. */
export async function holdOrganization(tx: Tx, scope: OrgScope): Promise<void> {
  const row = await tx
    .selectFrom('organizations')
    .select('id')
    .where('id', '=', scope.organizationId)
    .forUpdate()
    .executeTakeFirst()
  if (row === undefined) throw problem('org-not-found')
}

/** Nobody starts a run in any application of the organization, or adds one, until the transaction ends. Throws org-not-found. */
export async function lockOrganization(tx: Tx, scope: OrgScope): Promise<void> {
  await holdOrganization(tx, scope)
  await tx
    .selectFrom('applications')
    .select('id')
    .where('organization_id', '=', scope.organizationId)
    .orderBy('id')
    .forUpdate()
    .execute()
}

/** True while a run of the organization is pending, running or waiting. */
export async function hasActiveRuns(tx: Tx, scope: OrgScope): Promise<boolean> {
  const run = await tx
    .selectFrom('applications as a')
    .innerJoin('runs as r', 'r.application_id', 'a.id')
    .select('r.id')
    .where('a.organization_id', '=', scope.organizationId)
    .where('r.status', 'in', ['pending', 'running', 'waiting'])
    .limit(1)
    .executeTakeFirst()
  return run !== undefined
}

/** Deletes the organization and everything in it. */
export async function deleteOrganizationRow(tx: Tx, scope: OrgScope): Promise<void> {
  // Years of runs go in one statement.
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
