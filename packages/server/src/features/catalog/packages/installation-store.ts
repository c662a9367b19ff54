import { CompiledQuery } from 'kysely'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { PackageVersion } from './package-version.ts'
import type { Installation, PackageName, PackageType } from './package.ts'

export interface InstallationQuery {
  readonly type: PackageType
  readonly reference: { readonly id: string } | PackageName
  /** Undefined means the installed version. */
  readonly version: string | undefined
}

/** An installed package with one of its versions, in one statement: every start of a run reads it. */
export async function findInstallation(
  db: Db,
  scope: AppScope,
  { type, reference, version }: InstallationQuery,
): Promise<{ readonly installation: Installation; readonly version: PackageVersion | undefined } | undefined> {
  const [isNamed, names] =
    'id' in reference
      ? ['i.id = $5', [reference.id]]
      : ['p.scope = $5 and p.name = $6', [reference.scope, reference.name]]
  const values = [scope.organizationId, scope.applicationId, type, version ?? null, ...names]
  const { rows } = await db.executeQuery<InstalledRow>(CompiledQuery.raw(installed + isNamed, values))
  const [row] = rows
  if (row === undefined) return undefined
  return { installation: toInstallation(row), version: row.found_id === null ? undefined : toFoundVersion(row) }
}

interface FoundVersion {
  readonly found_id: string
  readonly found_version: string
  readonly manifest: unknown
  readonly prompt: string
  readonly created_at: Date
}

type InstalledRow = InstallationRow & (FoundVersion | { readonly found_id: null })

const installed = `
  select i.id, i.organization_id, i.application_id, i.package_id, p.scope, p.name, i.version_id, v.version,
    i.model_id, i.enabled, i.installed_at, i.updated_at,
    f.id as found_id, f.version as found_version, f.manifest, f.prompt, f.created_at
  from application_packages i
  join packages p on p.id = i.package_id
  join package_versions v on v.id = i.version_id
  left join package_versions f on f.package_id = i.package_id and f.version = coalesce($4, v.version)
  where i.organization_id = $1 and p.organization_id = $1 and i.application_id = $2 and i.removed_at is null
    and p.type = $3 and `

function toFoundVersion(row: FoundVersion): PackageVersion {
  return {
    id: row.found_id,
    version: row.found_version,
    manifest: row.manifest,
    prompt: row.prompt,
    createdAt: row.created_at,
  }
}

export interface InstallationRow {
  readonly id: string
  readonly organization_id: string
  readonly application_id: string
  readonly package_id: string
  readonly scope: string
  readonly name: string
  readonly version_id: string
  readonly version: string
  readonly model_id: string | null
  readonly enabled: boolean
  readonly installed_at: Date
  readonly updated_at: Date
}

export function toInstallation(row: InstallationRow): Installation {
  return {
    id: row.id,
    organizationId: row.organization_id,
    applicationId: row.application_id,
    packageId: row.package_id,
    name: `@${row.scope}/${row.name}`,
    versionId: row.version_id,
    version: row.version,
    modelId: row.model_id,
    enabled: row.enabled,
    createdAt: row.installed_at,
    updatedAt: row.updated_at,
  }
}
