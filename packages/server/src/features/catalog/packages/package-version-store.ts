import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toColumnText, toJsonText } from '../../../platform/db/json-text.ts'
import type { Page, Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { PackageVersion } from './package-version.ts'

const columns = ['id', 'version', 'manifest', 'prompt', 'created_at'] as const

export interface NewPackageVersion {
  readonly packageId: string
  readonly manifest: { readonly version: string }
  readonly prompt: string
  readonly createdBy: string | null
}

export async function insertPackageVersion(
  tx: Tx,
  scope: OrgScope,
  version: NewPackageVersion,
): Promise<PackageVersion> {
  const row = await tx
    .insertInto('package_versions')
    .values({
      id: newUuid(),
      organization_id: scope.organizationId,
      package_id: version.packageId,
      version: version.manifest.version,
      manifest: toJsonText(version.manifest),
      prompt: toColumnText(version.prompt),
      created_by: version.createdBy,
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toPackageVersion(row)
}

/** A version by its stored id, even if its package was deleted. */
export async function findPackageVersion(db: Db, scope: OrgScope, id: string): Promise<PackageVersion | undefined> {
  const row = await versions(db, scope).select(columns).where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : toPackageVersion(row)
}

/** A package's version by its number. */
export async function findNumberedVersion(
  db: Db,
  scope: OrgScope,
  { packageId, number }: { packageId: string; number: string },
): Promise<PackageVersion | undefined> {
  const row = await versions(db, scope)
    .select(columns)
    .where('package_id', '=', packageId)
    .where('version', '=', number)
    .executeTakeFirst()
  return row === undefined ? undefined : toPackageVersion(row)
}

/** A version as lists show it: with the short fields of its manifest. */
export interface PackageVersionSummary {
  readonly version: string
  readonly displayName: string | null
  /** The tool dependencies of its manifest. */
  readonly tools: unknown
  readonly timeoutSeconds: number | null
  readonly createdAt: Date
}

/** The versions of a package without their manifests and prompts, newest first. */
export async function loadPackageVersions(
  db: Db,
  scope: OrgScope,
  { packageId, page }: { packageId: string; page: Page },
): Promise<Slice<PackageVersionSummary>> {
  const matching = versions(db, scope).where('package_id', '=', packageId)
  const rows = matching.select([
    'id',
    'version',
    'display_name as displayName',
    'tools',
    'timeout_seconds as timeoutSeconds',
    'created_at as createdAt',
  ])
  return loadNewest(db, { rows, matching }, page)
}

/** The numbers of all versions of a package. */
export async function loadVersionNumbers(tx: Tx, scope: OrgScope, packageId: string): Promise<string[]> {
  const rows = await versions(tx, scope).select('version').where('package_id', '=', packageId).execute()
  return rows.map((row) => row.version)
}

function versions(db: Db, scope: OrgScope) {
  return db.selectFrom('package_versions').where('organization_id', '=', scope.organizationId)
}

function toPackageVersion(row: {
  id: string
  version: string
  manifest: unknown
  prompt: string
  created_at: Date
}): PackageVersion {
  return {
    id: row.id,
    version: row.version,
    manifest: row.manifest,
    prompt: row.prompt,
    createdAt: row.created_at,
  }
}
