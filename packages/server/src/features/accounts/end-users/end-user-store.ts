import { sql, type ExpressionBuilder, type RawBuilder, type Selectable } from 'kysely'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { violatesUnique, type Db, type Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { DB, EndUsers } from '../../../platform/db/schema.generated.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import type { EndUser, EndUserChanges, Metadata, TakenField } from './end-user.ts'
import { keptIn } from '../../../platform/hooks/postgres-kept.ts'

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

/** Inserts an end-user. When the reply has `taken`, the transaction must be rolled back. */
export async function insertEndUser(tx: Tx, scope: AppScope, fields: EndUserChanges): Promise<EndUser | TakenField> {
  const insert = tx
    .insertInto('end_users')
    .values({
      id: newUuid(),
      organization_id: scope.organizationId,
      application_id: scope.applicationId,
      ...columnsOf(fields),
    })
    .returning(columns)
  return unlessTaken(async () => toEndUser(await insert.executeTakeFirstOrThrow()))
}

/** Newest first. */
export async function loadEndUsers(
  db: Db,
  scope: AppScope,
  { page, filters }: { page: Page; filters: EndUserFilters },
): Promise<Slice<EndUser>> {
  const matching = db
    .selectFrom('end_users')
    .where(visibleTo(scope))
    .$if(filters.externalId !== undefined, (query) => query.where('external_id', '=', filters.externalId ?? ''))
    .$if(filters.email !== undefined, (query) => query.where('email', '=', filters.email ?? ''))
  return mapSlice(await loadNewest(db, { rows: matching.select(columns), matching }, page), toEndUser)
}

/** Undefined also if the request is on behalf of another end-user. */
export async function findEndUser(db: Db, scope: AppScope, id: string): Promise<EndUser | undefined> {
  const row = await db
    .selectFrom('end_users')
    .select(columns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .executeTakeFirst()
  return row === undefined ? undefined : toEndUser(row)
}

/**
 * Locks the end-user until the transaction ends: no other transaction changes them or creates rows of theirs. Waits for
 * those that are creating some.
 */
export async function lockEndUser(tx: Tx, scope: AppScope, id: string): Promise<EndUser | undefined> {
  const row = await tx
    .selectFrom('end_users')
    .select(columns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .forUpdate()
    .executeTakeFirst()
  return row === undefined ? undefined : toEndUser(row)
}

/** Keeps an end-user from being erased until the transaction ends; undefined if they already are. */
export async function holdEndUserRow(
  tx: Tx,
  { applicationId, endUserId }: { readonly applicationId: string; readonly endUserId: string },
): Promise<{ readonly id: string } | undefined> {
  return tx
    .selectFrom('end_users')
    .select('id')
    .where('application_id', '=', applicationId)
    .where('id', '=', endUserId)
    .where('erased_at', 'is', null)
    .forKeyShare()
    .executeTakeFirst()
}

/** Saves an end-user that the transaction has locked. When the reply has `taken`, it must be rolled back. */
export async function saveEndUser(
  tx: Tx,
  scope: AppScope,
  { id, changes }: { id: string; changes: EndUserChanges },
): Promise<EndUser | TakenField> {
  const update = tx
    .updateTable('end_users')
    .set({ ...columnsOf(changes), updated_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where(visibleTo(scope))
    .returning(columns)
  return unlessTaken(async () => toEndUser(await update.executeTakeFirstOrThrow()))
}

/** Keeps end-users from being erased until the transaction ends. */
export async function holdEndUsers(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx
    .selectFrom('end_users')
    .select('id')
    .where(sql<boolean>`id = any(${ids}::uuid[])`)
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
    .where('erased_at', 'is', null)
    .executeTakeFirst()
  return row !== undefined
}

/** Whether an application has an end-user, as a condition on columns of another table. */
export function hasEndUser(applicationId: RawBuilder<unknown>, endUserId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from end_users as existing_end_user
    where existing_end_user.application_id = ${applicationId} and existing_end_user.id = ${endUserId}
      and existing_end_user.erased_at is null)`
}

/** Whether the end-user in a column of another table, if any, is not being erased. */
export function isNotErased(endUserId: RawBuilder<unknown>): RawBuilder<boolean> {
  // Not correlated: the few that are being erased are read once for a statement.
  return sql<boolean>`(${endUserId} is null or ${endUserId} not in (
    select erased_end_user.id from end_users as erased_end_user where erased_end_user.erased_at is not null))`
}

/** Which of the end-users still exist. */
export async function findEndUsers(db: Db, endUserIds: readonly string[]): Promise<Set<string>> {
  if (endUserIds.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    select id from end_users where id = any(${endUserIds}::uuid[]) and erased_at is null`.execute(db)
  return new Set(rows.map((row) => row.id))
}

/** Selects a row for each end-user of an application. */
export function endUsersOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from end_users where application_id = ${applicationId} and erased_at is null`
}

function columnsOf({ name, email, externalId, metadata }: EndUserChanges) {
  return {
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(externalId === undefined ? {} : { external_id: externalId }),
    ...(metadata === undefined ? {} : { metadata: toJsonText(metadata) }),
  }
}

async function unlessTaken(write: () => Promise<EndUser>): Promise<EndUser | TakenField> {
  try {
    return await write()
  } catch (error) {
    if (violatesUnique(error, 'end_users_application_id_external_id_key')) return { taken: 'externalId' }
    if (violatesUnique(error, 'end_users_application_id_email_key')) return { taken: 'email' }
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
      eb('erased_at', 'is', null),
      ...(scope.endUserId === null ? [] : [eb('id', '=', scope.endUserId)]),
    ])
}

/** Removes end-users of a deleted application. */
export const removeEndUsers = removalFrom('end_users', 'application_id')

/** Whether the end-user with this stored id is still there. */
export const isEndUserKept = keptIn('end_users', sql<boolean>`erased_at is null`)
