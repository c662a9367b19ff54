import { sql, type SqlBool } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { applicationsOf } from '../../accounts/applications/index.ts'
import { liveOrganizations, membersOf } from '../../accounts/organizations/index.ts'
import { organizationSuspensions, suspensionOf, type Suspension } from '../../accounts/suspensions/index.ts'
import { beginsWith, countOf, isThere } from './search-store.ts'

/** An organization as an administrator of the instance sees it: no contents. */
export interface InstanceOrg {
  readonly id: string
  readonly name: string
  readonly slug: string
  readonly members: number
  readonly applications: number
  readonly suspension: Suspension | null
  readonly createdAt: Date
}

export interface OrgFilter {
  /** The beginning of a name or slug, or a whole id. */
  readonly q?: string
  readonly suspended?: boolean
}

/** The organizations of the instance, newest first. */
export async function loadInstanceOrgs(db: Db, filter: OrgFilter, page: Page): Promise<Slice<InstanceOrg>> {
  const list = {
    rows: select(db).where(matches(filter)),
    matching: liveOrganizations(db).where(matches(filter)),
    idColumn: 'o.id',
  }
  return mapSlice(await loadNewest(db, list, page), toInstanceOrg)
}

export async function findInstanceOrg(db: Db, id: string): Promise<InstanceOrg | undefined> {
  const row = await select(db).where('o.id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : toInstanceOrg(row)
}

function matches({ q, suspended }: OrgFilter) {
  const conditions = [
    ...(suspended === undefined ? [] : [isThere(suspensionOf(sql.ref('o.id')), suspended)]),
    ...(q === undefined ? [] : [isNamed(q)]),
  ]
  return conditions.length === 0 ? sql<SqlBool>`true` : sql.join<SqlBool>(conditions, sql` and `)
}

function isNamed(q: string) {
  const text = q.toLowerCase()
  const id = parseWireId('org', text)
  const found = [
    beginsWith(sql`lower(${sql.ref('o.name')})`, text),
    beginsWith(sql.ref('o.slug'), text),
    ...(id === undefined ? [] : [sql<SqlBool>`${sql.ref('o.id')} = ${id}`]),
  ]
  return sql<SqlBool>`(${sql.join(found, sql` or `)})`
}

function select(db: Db) {
  return liveOrganizations(db)
    .leftJoin(organizationSuspensions(db).as('s'), 's.organization_id', 'o.id')
    .select(['o.id', 'o.name', 'o.slug', 'o.created_at', 's.reason', 's.suspended_at'])
    .select([
      countOf(membersOf(sql.ref('o.id'))).as('members'),
      countOf(applicationsOf(sql.ref('o.id'))).as('applications'),
    ])
}

function toInstanceOrg(row: Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>): InstanceOrg {
  const { id, name, slug, members, applications, reason, suspended_at: suspendedAt } = row
  return {
    ...{ id, name, slug, members, applications },
    suspension: reason === null || suspendedAt === null ? null : { reason, suspendedAt },
    createdAt: row.created_at,
  }
}
