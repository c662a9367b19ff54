import { sql, type ExpressionBuilder, type RawBuilder, type Selectable } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { DB, Files } from '../../../platform/db/schema.generated.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Block, ErasedEndUser, Hooks } from '../../../platform/hooks/hooks.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { findBlock } from '../../../platform/hooks/postgres-counts.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { isNotErased } from '../../accounts/end-users/index.ts'
import type { NewFile, StoredFile } from './file.ts'

const columns = [
  'id',
  'application_id',
  'end_user_id',
  'run_id',
  'name',
  'size_bytes',
  'content_type',
  'sha256',
  'salt',
  'created_at',
] as const satisfies readonly (keyof Files)[]
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export async function insertFile(tx: Tx, scope: AppScope, file: NewFile): Promise<StoredFile> {
  const row = await tx
    .insertInto('files')
    .values({
      id: file.id,
      organization_id: scope.organizationId,
      application_id: scope.applicationId,
      end_user_id: scope.endUserId,
      run_id: file.runId,
      name: file.name,
      size_bytes: file.sizeBytes,
      content_type: file.contentType,
      sha256: file.sha256,
      salt: file.salt,
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toFile(row)
}

/** The file; undefined when it does not exist, and for another end-user's file. */
export async function findFile(db: Db, scope: AppScope, id: string): Promise<StoredFile | undefined> {
  const row = await db
    .selectFrom('files')
    .select(columns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .executeTakeFirst()
  return row === undefined ? undefined : toFile(row)
}

/** The files of the scope among the ids, in their order; in a transaction they are protected from deletion. */
export async function findFiles(db: Db, scope: AppScope, ids: readonly string[]): Promise<StoredFile[]> {
  const wanted = [...new Set(ids)].filter((id) => uuid.test(id))
  if (wanted.length === 0) return []
  const rows = await db
    .selectFrom('files')
    .select(columns)
    .where(sql<boolean>`id = any(${wanted}::uuid[])`)
    .where(visibleTo(scope))
    .forKeyShare()
    .execute()
  const byId = new Map(rows.map((row) => [row.id, toFile(row)]))
  return wanted.flatMap((id) => byId.get(id) ?? [])
}

export async function loadFiles(db: Db, scope: AppScope, page: Page): Promise<Slice<StoredFile>> {
  const matching = db.selectFrom('files').where(visibleTo(scope))
  return mapSlice(await loadNewest(db, { rows: matching.select(columns), matching }, page), toFile)
}

/** The files that a run left below /workspace/output. The caller has checked that the run is visible in the scope. */
export async function loadRunFiles(
  db: Db,
  scope: AppScope,
  { runId, page }: { runId: string; page: Page },
): Promise<Slice<StoredFile>> {
  const matching = db
    .selectFrom('files')
    .where('run_id', '=', runId)
    .where('application_id', '=', scope.applicationId)
    .where(isNotErased(sql.ref('files.end_user_id')))
  return mapSlice(await loadNewest(db, { rows: matching.select(columns), matching }, page), toFile)
}

/** Locks the file until the transaction ends, so that no run can take it as input; returns its id. */
export async function lockFile(tx: Tx, scope: AppScope, id: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom('files')
    .select('id')
    .where('id', '=', id)
    .where(visibleTo(scope))
    .forUpdate()
    .executeTakeFirst()
  return row?.id
}

/** Locks the files that a run made until the transaction ends, so that no run can be given them; returns their ids. */
export async function lockRunFiles(tx: Tx, scope: AppScope, runId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('files')
    .select('id')
    .where('application_id', '=', scope.applicationId)
    .where('run_id', '=', runId)
    .orderBy('id')
    .forUpdate()
    .execute()
  return rows.map(({ id }) => id)
}

/** The first hook that blocks the deletion of one of the locked files. */
export async function findFileBlock(tx: Tx, hooks: Hooks, ids: readonly string[]): Promise<Block | undefined> {
  const given = sql`unnest(${ids}::uuid[])`
  return findBlock(
    tx,
    hooks.blocksOf('file'),
    (rows) => sql`select from ${given} as given(id) cross join lateral (${rows(sql.ref('given.id'))} limit 1) as found`,
  )
}

/** Deletes the rows of locked files, not the blobs. */
export async function deleteFileRows(tx: Tx, scope: AppScope, ids: readonly string[]): Promise<void> {
  await tx
    .deleteFrom('files')
    .where('application_id', '=', scope.applicationId)
    .where(sql<boolean>`id = any(${ids}::uuid[])`)
    .execute()
}

/** Deletes the rows of at most `limit` files of an end-user; returns their ids and how many bytes they have. */
export async function deleteFilesOf(
  tx: Tx,
  { applicationId, endUserId }: ErasedEndUser,
  limit: number,
): Promise<{ ids: string[]; bytes: number }> {
  const { rows } = await sql<{ id: string; bytes: number }>`
    delete from files where id = any(array(
      select id from files where application_id = ${applicationId} and end_user_id = ${endUserId} limit ${limit}))
    returning id, size_bytes as bytes`.execute(tx)
  return { ids: rows.map(({ id }) => id), bytes: rows.reduce((sum, row) => sum + row.bytes, 0) }
}

/** Selects a row for each file of an application. */
export function filesOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from files where application_id = ${applicationId}`
}

/** What is needed to read the contents of files, to be joined. */
export function fileContents(db: Db) {
  return db.selectFrom('files').select(['id', 'application_id', 'end_user_id', 'salt', 'size_bytes'])
}

/**
 * Inserts or replaces the file with this name of a run. A file with the same content stays unchanged.
 * Returns the file, and the id of the blob that is no longer needed.
 */
export async function saveRunFile(
  tx: Tx,
  scope: AppScope,
  file: NewFile,
): Promise<{ file: StoredFile; unneeded: string | undefined }> {
  const present = await tx
    .selectFrom('files')
    .select(columns)
    .where('application_id', '=', scope.applicationId)
    .where('run_id', '=', file.runId)
    .where('name', '=', file.name)
    .forUpdate()
    .executeTakeFirst()
  if (present === undefined) return { file: await insertFile(tx, scope, file), unneeded: undefined }
  if (present.sha256.equals(file.sha256)) return { file: toFile(present), unneeded: file.id }
  await tx.deleteFrom('files').where('id', '=', present.id).execute()
  return { file: await insertFile(tx, scope, file), unneeded: present.id }
}

/** Whether the run has a file with this stored name. */
export async function hasRunFile(
  db: Db,
  scope: AppScope,
  { runId, name }: { runId: string; name: string },
): Promise<boolean> {
  const row = await db
    .selectFrom('files')
    .select('id')
    .where('application_id', '=', scope.applicationId)
    .where('run_id', '=', runId)
    .where('name', '=', name)
    .executeTakeFirst()
  return row !== undefined
}

/** The blob ids that have a row. Unscoped: looks at all organizations. */
export async function findKnownBlobs(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db.selectFrom('files').select('id').where(sql<boolean>`id = any(${ids}::uuid[])`).execute()
  return new Set(rows.map((row) => row.id))
}

function toFile(row: Pick<Selectable<Files>, (typeof columns)[number]>): StoredFile {
  return {
    id: row.id,
    applicationId: row.application_id,
    endUserId: row.end_user_id,
    runId: row.run_id,
    name: row.name,
    sizeBytes: row.size_bytes,
    contentType: row.content_type,
    sha256: row.sha256,
    salt: row.salt,
    createdAt: row.created_at,
  }
}

function visibleTo(scope: AppScope) {
  return (eb: ExpressionBuilder<DB, 'files'>) =>
    eb.and([
      eb('organization_id', '=', scope.organizationId),
      eb('application_id', '=', scope.applicationId),
      isNotErased(sql.ref('files.end_user_id')),
      ...(scope.endUserId === null ? [] : [eb('end_user_id', '=', scope.endUserId)]),
    ])
}

/** Removes the rows of files of a deleted application; the sweep of blobs removes their content. */
export const removeFiles = removalFrom('files', 'application_id')
