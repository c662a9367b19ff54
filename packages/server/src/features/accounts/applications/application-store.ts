import { sql, type RawBuilder } from 'kysely'
import { Value } from 'typebox/value'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { AppScope, OrgScope } from '../../../platform/access/caller.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { ApplicationSettings, type Application, type ApplicationReach } from './application.ts'
import { keptIn } from '../../../platform/hooks/postgres-kept.ts'

export interface NewApplication {
  readonly name: string
  readonly settings?: ApplicationSettings
  readonly isDefault?: boolean
  readonly createdBy: string
}

export async function insertApplication(
  tx: Tx,
  scope: OrgScope,
  { name, settings = {}, isDefault = false, createdBy }: NewApplication,
): Promise<Application> {
  const row = await tx
    .insertInto('applications')
    .values({
      id: newUuid(),
      organization_id: scope.organizationId,
      name,
      settings: toJsonText(settings),
      is_default: isDefault,
      created_by: createdBy,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return toApplication(row)
}

/** Newest first. */
export async function loadApplications(db: Db, reach: ApplicationReach, page: Page): Promise<Slice<Application>> {
  const matching = select(db, reach)
  return mapSlice(await loadNewest(db, { rows: matching.selectAll(), matching }, page), toApplication)
}

export async function findApplication(db: Db, reach: ApplicationReach, id: string): Promise<Application | undefined> {
  const row = await select(db, reach).selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : toApplication(row)
}

/** Locks the application until the transaction ends: no run can be started in it. */
export async function lockApplication(tx: Tx, reach: ApplicationReach, id: string): Promise<Application | undefined> {
  const row = await select(tx, reach).selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
  return row === undefined ? undefined : toApplication(row)
}

/** Saves the fields in `changes` of a locked application; absent fields do not change. */
export async function saveApplication(
  tx: Tx,
  reach: ApplicationReach,
  { id, changes }: { id: string; changes: { name?: string; settings?: ApplicationSettings } },
): Promise<Application> {
  const row = await tx
    .updateTable('applications')
    .set({
      ...(changes.name === undefined ? {} : { name: changes.name }),
      ...(changes.settings === undefined ? {} : { settings: toJsonText(changes.settings) }),
      updated_at: sql`now()`,
    })
    .where('organization_id', '=', reach.organizationId)
    .where('id', '=', id)
    .$if(reach.onlyApplicationId !== null, (query) => query.where('id', '=', reach.onlyApplicationId))
    .returningAll()
    .executeTakeFirstOrThrow()
  return toApplication(row)
}

/** Locks every application of the organization until the transaction ends: no run can be started in one. */
export async function lockApplications(tx: Tx, scope: OrgScope): Promise<void> {
  await liveApplications(tx)
    .select('id')
    .where('organization_id', '=', scope.organizationId)
    .orderBy('id')
    .forUpdate()
    .execute()
}

/** Serializes changes within the application until the transaction ends, such as those that check a limit. */
export async function serializeInApplication(
  tx: Tx,
  { organizationId, applicationId }: Pick<AppScope, 'organizationId' | 'applicationId'>,
): Promise<void> {
  await liveApplications(tx)
    .select('id')
    .where('organization_id', '=', organizationId)
    .where('id', '=', applicationId)
    .forNoKeyUpdate()
    .execute()
}

/** The applications that are not deleted. Every other statement about applications starts here. */
function liveApplications(db: Db) {
  return db.selectFrom('applications').where('deleted_at', 'is', null)
}

/** Whether an application is not deleted, as a condition on the column of another table. */
export function isLiveApplication(applicationId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from applications as living where living.id = ${applicationId} and living.deleted_at is null)`
}

/** The organizations of applications, to be joined. */
export function applicationOwners(db: Db) {
  return liveApplications(db).select(['id', 'organization_id'])
}

export async function findOrganizationOf(db: Db, applicationId: string): Promise<string | undefined> {
  const row = await applicationOwners(db).where('id', '=', applicationId).executeTakeFirst()
  return row?.organization_id
}

/** Which of the applications exist and are not deleted. */
export async function findLiveApplications(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const rows = await applicationOwners(db).where(sql<boolean>`id = any(${ids}::uuid[])`).execute()
  return new Set(rows.map(({ id }) => id))
}

/** Selects a row for each application of an organization. */
export function applicationsOf(organizationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from applications where organization_id = ${organizationId} and deleted_at is null`
}

/** Marks applications as deleted: from the commit on they are not found anywhere. A job removes what they contain. */
export async function markDeleted(tx: Tx, { organizationId, onlyApplicationId }: ApplicationReach): Promise<void> {
  await tx
    .updateTable('applications')
    .set({ deleted_at: sql`now()` })
    .where('organization_id', '=', organizationId)
    .$if(onlyApplicationId !== null, (query) => query.where('id', '=', onlyApplicationId))
    .where('deleted_at', 'is', null)
    .execute()
}

function select(db: Db, reach: ApplicationReach) {
  return liveApplications(db)
    .where('organization_id', '=', reach.organizationId)
    .$if(reach.onlyApplicationId !== null, (query) => query.where('id', '=', reach.onlyApplicationId))
}

interface ApplicationRow {
  readonly id: string
  readonly organization_id: string
  readonly name: string
  readonly is_default: boolean
  readonly settings: unknown
  readonly created_by: string | null
  readonly created_at: Date
  readonly updated_at: Date
}

function toApplication(row: ApplicationRow): Application {
  return {
    id: row.id,
    organizationId: row.organization_id,
    name: row.name,
    isDefault: row.is_default,
    settings: Value.Parse(ApplicationSettings, row.settings),
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** Deleted applications whose row still exists, longest deleted first. Unscoped: of all organizations. */
export async function findDeletedApplications(db: Db, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from applications where deleted_at is not null order by deleted_at, id limit ${limit}`.execute(db)
  return rows.map(({ id }) => id)
}

/** Locks a deleted application until the transaction ends; false if it is gone, or locked by another process. */
export async function lockDeletedApplication(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    select from applications where id = ${id} and deleted_at is not null for no key update skip locked`.execute(tx)
  return rows.length > 0
}

/** Deletes the row of a locked deleted application, whose contents were removed. */
export async function deleteApplicationRow(tx: Tx, id: string): Promise<void> {
  await sql`delete from applications where id = ${id} and deleted_at is not null`.execute(tx)
}

/** The applications whose settings limit how long things are kept, to be joined. */
export const applicationsWithRetention = sql`(
  select id, organization_id, settings -> 'retention' as retention from applications
  where settings ? 'retention' and deleted_at is null)`

/** Selects a row for each application of an organization, deleted ones included. */
export function everyApplicationOf(organizationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from applications where organization_id = ${organizationId}`
}

/** Whether the application with this stored id is still there. */
export const isApplicationKept = keptIn('applications', sql<boolean>`deleted_at is null`)
