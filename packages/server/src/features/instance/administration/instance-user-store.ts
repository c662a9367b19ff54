import { sql, type SqlBool } from 'kysely'
import type { Role } from '../../../platform/access/permissions.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { TimeAndId } from '../../../platform/lists/cursor.ts'
import { loadPage, mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { tableList } from '../../../platform/lists/postgres-list.ts'
import { administratorMark } from '../../accounts/administrators/index.ts'
import { memberships, organizationNames } from '../../accounts/organizations/index.ts'
import { everyUser } from '../../accounts/sign-in/index.ts'
import { suspensionOfUser, userSuspensions, type Suspension } from '../../accounts/suspensions/index.ts'
import { beginsWith, countOf, isThere } from './search-store.ts'

/** A user as an administrator of the instance sees them. */
export interface InstanceUser {
  /** In wire form (usr_…). */
  readonly id: string
  readonly displayName: string
  readonly email: string
  readonly emailVerified: boolean
  readonly isAdministrator: boolean
  /** The number of their organizations. */
  readonly organizations: number
  readonly suspension: Suspension | null
  readonly createdAt: Date
}

/** A membership of a user. */
export interface InstanceMembership {
  readonly id: string
  readonly name: string
  readonly role: Role
}

export interface UserFilter {
  /** The beginning of a name or address, or a whole id. */
  readonly q?: string
  readonly suspended?: boolean
  readonly administrator?: boolean
}

/** The users of the instance, newest first. */
export async function loadInstanceUsers(
  db: Db,
  filter: UserFilter,
  page: Page<TimeAndId>,
): Promise<Slice<InstanceUser, TimeAndId>> {
  const list = tableList(db, {
    rows: select(db).where(matches(filter)),
    matching: everyUser(db).where(matches(filter)),
    order: {
      columns: ['u.created_at', 'u.id'],
      direction: 'desc',
      valuesOf: ({ time, id }: TimeAndId) => [time, id],
    },
    keyOf: (row) => ({ time: row.created_at, id: row.id }),
  })
  return mapSlice(await loadPage(list, page), toInstanceUser)
}

export async function findInstanceUser(db: Db, userId: string): Promise<InstanceUser | undefined> {
  const row = await select(db).where('u.id', '=', userId).executeTakeFirst()
  return row === undefined ? undefined : toInstanceUser(row)
}

/** The organizations of a user by name, at most `max`. */
export async function findMembershipsOf(db: Db, userId: string, max: number): Promise<InstanceMembership[]> {
  const { rows } = await sql<InstanceMembership>`
    select o.id, o.name, m.role from ${memberships(db)} m join ${organizationNames(db)} o on o.id = m.organization_id
    where m.user_id = ${userId} order by o.name, o.id limit ${max}`.execute(db)
  return rows
}

function matches({ q, suspended, administrator }: UserFilter) {
  const id = sql.ref('u.id')
  const conditions = [
    ...(suspended === undefined ? [] : [isThere(suspensionOfUser(id), suspended)]),
    ...(administrator === undefined ? [] : [isThere(administratorMark(id), administrator)]),
    ...(q === undefined ? [] : [isNamed(q)]),
  ]
  return conditions.length === 0 ? sql<SqlBool>`true` : sql.join<SqlBool>(conditions, sql` and `)
}

function isNamed(q: string) {
  const text = q.toLowerCase()
  return sql<SqlBool>`(${beginsWith(sql`lower(${sql.ref('u.name')})`, text)}
    or ${beginsWith(sql.ref('u.email'), text)} or ${sql.ref('u.id')} = ${text})`
}

function select(db: Db) {
  const memberOf = sql`select from ${memberships(db)} m where m.user_id = ${sql.ref('u.id')}`
  return everyUser(db)
    .leftJoin(userSuspensions(db).as('s'), 's.user_id', 'u.id')
    .select(['u.id', 'u.name', 'u.email', 'u.email_verified', 'u.created_at', 's.reason', 's.suspended_at'])
    .select([
      sql<boolean>`exists (${administratorMark(sql.ref('u.id'))})`.as('is_administrator'),
      countOf(memberOf).as('organizations'),
    ])
}

function toInstanceUser(row: Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>): InstanceUser {
  const { id, name: displayName, email, organizations, reason, suspended_at: suspendedAt } = row
  return {
    ...{ id, displayName, email, organizations },
    emailVerified: row.email_verified,
    isAdministrator: row.is_administrator,
    suspension: reason === null || suspendedAt === null ? null : { reason, suspendedAt },
    createdAt: row.created_at,
  }
}
