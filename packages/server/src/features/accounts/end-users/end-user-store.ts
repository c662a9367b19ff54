import { sql, type ExpressionBuilder, type RawBuilder, type Selectable } from 'kysely'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { violatesUnique, type Db, type Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { DB, EndUsers } from '../../../platform/db/schema.generated.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { EndUser, EndUserChanges, Metadata } from './end-user.ts'

const columns = [
  'id',
  'application_id',
  'name',
  'email',
  'external_id',
  'metadata',
  'created_at',
  'updated_at',
] as const
const metadataOf = Compile(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])))

export interface EndUserFilters {
  readonly externalId?: string
  readonly email?: string
}

/** Throws external-id-taken or email-taken. */
export async function insertEndUser(tx: Tx, scope: AppScope, fields: EndUserChanges): Promise<EndUser> {
  const row = await tellTaken(() =>
    tx
      .insertInto('end_users')
      .values({
        id: newUuid(),
        organization_id: scope.organizationId,
        application_id: scope.applicationId,
        ...columnsOf(fields),
      })
      .returning(columns)
      .executeTakeFirstOrThrow(),
  )
  return toEndUser(row)
}

/** Newest first. */
export async function listEndUsers(
  db: Db,
  scope: AppScope,
  { page, filters }: { page: Page; filters: EndUserFilters },
): Promise<Slice<EndUser>> {
  const matching = db
    .selectFrom('end_users')
    .where(visibleTo(scope))
    .$if(filters.externalId !== undefined, (query) => query.where('external_id', '=', filters.externalId ?? ''))
    .$if(filters.email !== undefined, (query) => query.where('email', '=', filters.email ?? ''))
  const rows = await matching
    .select(columns)
    .orderBy('id', 'desc')
    .limit(page.pageSize)
    .offset(offsetOf(page))
    .execute()
  const { total } = await matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  return { items: rows.map(toEndUser), total }
}

/** Throws end-user-not-found, also if the request is on behalf of another end-user. */
export async function getEndUser(db: Db, scope: AppScope, id: string): Promise<EndUser> {
  const row = await db
    .selectFrom('end_users')
    .select(columns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .executeTakeFirst()
  if (row === undefined) throw problem('end-user-not-found')
  return toEndUser(row)
}

/**
 * Locks the end-user until the transaction ends: no other transaction changes them or creates rows of theirs.
 * Throws end-user-not-found.
 */
export async function lockEndUser(tx: Tx, scope: AppScope, id: string): Promise<EndUser> {
  const row = await tx
    .selectFrom('end_users')
    .select(columns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .forUpdate()
    .executeTakeFirst()
  if (row === undefined) throw problem('end-user-not-found')
  return toEndUser(row)
}

/**
 * Locks the scope's end-user, if any, against erasure until the transaction ends. Throws invalid-end-user if they are
 * erased. A transaction that creates rows of theirs calls this before any other lock: an erasure locks in this order.
 */
export async function holdEndUser(
  tx: Tx,
  { applicationId, endUserId }: Pick<AppScope, 'applicationId' | 'endUserId'>,
): Promise<void> {
  if (endUserId === null) return
  const row = await tx
    .selectFrom('end_users')
    .select('id')
    .where('application_id', '=', applicationId)
    .where('id', '=', endUserId)
    .forKeyShare()
    .executeTakeFirst()
  if (row === undefined) throw problem('invalid-end-user', { detail: 'The end-user was erased.' })
}

/** Saves an end-user that the transaction has locked. Throws external-id-taken or email-taken. */
export async function saveEndUser(
  tx: Tx,
  scope: AppScope,
  { id, changes }: { id: string; changes: EndUserChanges },
): Promise<EndUser> {
  const row = await tellTaken(() =>
    tx
      .updateTable('end_users')
      .set({ ...columnsOf(changes), updated_at: sql<Date>`now()` })
      .where('id', '=', id)
      .where(visibleTo(scope))
      .returning(columns)
      .executeTakeFirstOrThrow(),
  )
  return toEndUser(row)
}

/** Keeps end-users from being erased until the transaction ends. */
export async function holdEndUsers(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx
    .selectFrom('end_users')
    .select('id')
    .where('id', 'in', [...ids])
    .orderBy('id')
    .forKeyShare()
    .execute()
}

export async function endUserExists(db: Db, applicationId: string, endUserId: string): Promise<boolean> {
  const row = await db
    .selectFrom('end_users')
    .select('id')
    .where('application_id', '=', applicationId)
    .where('id', '=', endUserId)
    .executeTakeFirst()
  return row !== undefined
}

/** Whether an application has an end-user, as a condition on columns of another table. */
export function hasEndUser(applicationId: RawBuilder<unknown>, endUserId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from end_users as existing_end_user
    where existing_end_user.application_id = ${applicationId} and existing_end_user.id = ${endUserId})`
}

/** Which of the end-users still exist. */
export async function findEndUsers(db: Db, endUserIds: readonly string[]): Promise<Set<string>> {
  if (endUserIds.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    select id from end_users where id = any(${endUserIds}::uuid[])`.execute(db)
  return new Set(rows.map((row) => row.id))
}

/** Deletes an end-user that the transaction has locked. */
export async function deleteEndUser(
  tx: Tx,
  { applicationId, endUserId }: { readonly applicationId: string; readonly endUserId: string },
): Promise<void> {
  await tx.deleteFrom('end_users').where('application_id', '=', applicationId).where('id', '=', endUserId).execute()
}

/** Selects a row for each end-user of an application. */
export function endUsersOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from end_users where application_id = ${applicationId}`
}

function columnsOf({ name, email, externalId, metadata }: EndUserChanges) {
  return {
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(externalId === undefined ? {} : { external_id: externalId }),
    ...(metadata === undefined ? {} : { metadata: toJsonText(metadata) }),
  }
}

async function tellTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (violatesUnique(error, 'end_users_application_id_external_id_key'))
      throw problem('external-id-taken', { detail: 'Another end-user of the application has this externalId.' })
    if (violatesUnique(error, 'end_users_application_id_email_key'))
      throw problem('email-taken', { detail: 'Another end-user of the application has this e-mail address.' })
    throw error
  }
}

function toEndUser(row: Pick<Selectable<EndUsers>, (typeof columns)[number]>): EndUser {
  return {
    id: row.id,
    applicationId: row.application_id,
    name: row.name,
    email: row.email,
    externalId: row.external_id,
    metadata: parseMetadata(row.metadata),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

function parseMetadata(value: unknown): Metadata {
  if (metadataOf.Check(value)) return value
  throw new Error('An end-user has damaged metadata.')
}

function visibleTo(scope: AppScope) {
  return (eb: ExpressionBuilder<DB, 'end_users'>) =>
    eb.and([
      eb('organization_id', '=', scope.organizationId),
      eb('application_id', '=', scope.applicationId),
      ...(scope.endUserId === null ? [] : [eb('id', '=', scope.endUserId)]),
    ])
}
