import type { ExpressionBuilder, Selectable } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { DB, Files } from '../../../platform/db/schema.generated.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import { problem } from '../../../platform/problems/problem.ts'
import type { ReadableContent } from './file-content.ts'

/** A file as it is stored; its content is the blob with the same id. `openFiles` decrypts an end-user's sealed file. */
export interface StoredFile {
  readonly id: string
  readonly applicationId: string
  readonly endUserId: string | null
  /** The run that made it; null for an upload. */
  readonly runId: string | null
  readonly name: string
  readonly sizeBytes: number
  readonly contentType: string
  /** Hash of the unencrypted content. */
  readonly sha256: Buffer
  /** Salt of the key that encrypts the bytes; null when they are not encrypted. */
  readonly salt: Buffer | null
  readonly createdAt: Date
}

/** A file whose name and content can be read. */
export type FileRow = StoredFile & ReadableContent

/** A file to insert, with its name in stored form. */
export type NewFile = Omit<StoredFile, 'createdAt' | 'applicationId' | 'endUserId'>

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

/** Statuses of a run that may still read its input. */
const activeStatuses = ['pending', 'running', 'waiting'] as const

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

/** Throws file-not-found, also for another end-user's file. */
export async function getFile(db: Db, scope: AppScope, id: string): Promise<StoredFile> {
  const row = await db
    .selectFrom('files')
    .select(columns)
    .where('id', '=', id)
    .where(visibleTo(scope))
    .executeTakeFirst()
  if (row === undefined) throw problem('file-not-found')
  return toFile(row)
}

/** The files of the scope among the ids, in their order; in a transaction they are protected from deletion. */
export async function findFiles(db: Db, scope: AppScope, ids: readonly string[]): Promise<StoredFile[]> {
  const wanted = [...new Set(ids)].filter((id) => uuid.test(id))
  if (wanted.length === 0) return []
  const rows = await db
    .selectFrom('files')
    .select(columns)
    .where('id', 'in', wanted)
    .where(visibleTo(scope))
    .forKeyShare()
    .execute()
  const byId = new Map(rows.map((row) => [row.id, toFile(row)]))
  return wanted.flatMap((id) => byId.get(id) ?? [])
}

export async function listFiles(db: Db, scope: AppScope, page: Page): Promise<Slice<StoredFile>> {
  const matching = db.selectFrom('files').where(visibleTo(scope))
  const rows = await matching
    .select(columns)
    .orderBy('id', 'desc')
    .limit(page.pageSize)
    .offset(offsetOf(page))
    .execute()
  const { total } = await matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  return { items: rows.map(toFile), total }
}

/** The files that a run left below /workspace/output. Throws run-not-found, also for another end-user's run. */
export async function listRunFiles(
  db: Db,
  scope: AppScope,
  { runId, page }: { runId: string; page: Page },
): Promise<Slice<StoredFile>> {
  const run = db
    .selectFrom('runs')
    .select('id')
    .where('id', '=', runId)
    .where('application_id', '=', scope.applicationId)
  const visible = await (scope.endUserId === null
    ? run
    : run.where('end_user_id', '=', scope.endUserId)
  ).executeTakeFirst()
  if (visible === undefined) throw problem('run-not-found')
  const matching = db.selectFrom('files').where('run_id', '=', runId).where('application_id', '=', scope.applicationId)
  const rows = await matching
    .select(columns)
    .orderBy('id', 'desc')
    .limit(page.pageSize)
    .offset(offsetOf(page))
    .execute()
  const { total } = await matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  return { items: rows.map(toFile), total }
}

/** Deletes the row, not the blob. Throws file-not-found, or file-in-use while an active run uses it as input. */
export async function deleteFileRow(tx: Tx, scope: AppScope, id: string): Promise<void> {
  const locked = await tx
    .selectFrom('files')
    .select('id')
    .where('id', '=', id)
    .where(visibleTo(scope))
    .forUpdate()
    .executeTakeFirst()
  if (locked === undefined) throw problem('file-not-found')
  await refuseUsed(tx, [id])
  await tx.deleteFrom('files').where('id', '=', id).execute()
}

/** Deletes the rows of a run's files, not the blobs; returns the ids. Throws file-in-use. */
export async function deleteRunFiles(tx: Tx, scope: AppScope, runId: string): Promise<string[]> {
  const made = await tx
    .selectFrom('files')
    .select('id')
    .where('application_id', '=', scope.applicationId)
    .where('run_id', '=', runId)
    .orderBy('id')
    .forUpdate()
    .execute()
  const ids = made.map(({ id }) => id)
  if (ids.length === 0) return []
  await refuseUsed(tx, ids)
  await tx.deleteFrom('files').where('application_id', '=', scope.applicationId).where('id', 'in', ids).execute()
  return ids
}

// The files are locked, so no run can be given one of them at the same time.
async function refuseUsed(tx: Tx, ids: readonly string[]): Promise<void> {
  const user = await tx
    .selectFrom('run_inputs as i')
    .innerJoin('runs as r', 'r.id', 'i.run_id')
    .select('r.id')
    .where('i.file_id', 'in', [...ids])
    .where('r.status', 'in', [...activeStatuses])
    .limit(1)
    .executeTakeFirst()
  if (user !== undefined)
    throw problem('file-in-use', {
      detail: 'A run that has not ended uses this file as input: wait until it ends or cancel it.',
    })
}

/**
 * Inserts or replaces the file with this name of a run. A file with the same content stays unchanged.
 * Returns the file, and the id of the blob that is no longer needed.
 */
export async function putRunFile(
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

/** The blob ids that have a row. Unscoped: looks at all organizations. */
export async function findKnownBlobs(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('files')
    .select('id')
    .where('id', 'in', [...ids])
    .execute()
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
      ...(scope.endUserId === null ? [] : [eb('end_user_id', '=', scope.endUserId)]),
    ])
}
