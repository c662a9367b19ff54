import { sql, type RawBuilder } from 'kysely'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Tx } from '../../../platform/db/database.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { RemovalStatement } from '../../../platform/hooks/hooks.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { isLiveApplication } from '../../accounts/applications/index.ts'
import { findSlug } from '../../accounts/organizations/index.ts'
import type { PackageType } from './package.ts'

export interface NewPackage {
  readonly type: PackageType
  /** Without its scope, which is the organization's slug. */
  readonly name: string
  readonly createdBy: string | null
}

/** Inserts a package under the organization's slug; returns its name as `taken` if the organization already has it. */
export async function insertPackage(
  tx: Tx,
  scope: OrgScope,
  { type, name, createdBy }: NewPackage,
): Promise<{ readonly id: string; readonly name: string } | { readonly taken: string }> {
  const slug = await findSlug(tx, scope)
  if (slug === undefined) throw new Error('The organization of a new package does not exist.')
  const inserted = await tx
    .insertInto('packages')
    .values({
      id: newUuid(),
      organization_id: scope.organizationId,
      scope: slug,
      name,
      type,
      created_by: createdBy,
    })
    .onConflict((conflict) =>
      conflict.columns(['organization_id', 'scope', 'name']).where('deleted_at', 'is', null).doNothing(),
    )
    .returning('id')
    .executeTakeFirst()
  const fullName = `@${slug}/${name}`
  return inserted === undefined ? { taken: fullName } : { id: inserted.id, name: fullName }
}

/** Selects a row for each package of an organization. */
export function packagesOf(organizationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from packages where organization_id = ${organizationId}`
}

/** Removes the installed packages of a deleted application, and retires those that no other application has. */
export const removeInstalled: RemovalStatement = (applicationId, limit) => sql`
  with batch as (
    select ctid, package_id from application_packages where application_id = ${applicationId} limit ${limit}
  ), elsewhere as (
    -- Waits for a request that removes the package elsewhere and began when this application was not yet deleted.
    select i.package_id from application_packages as i
    where i.package_id in (select package_id from batch) and ${isInstalled(sql`i`)}
    for share of i
  ), retired as (
    update packages set deleted_at = now()
    where id in (select package_id from batch) and deleted_at is null
      and id not in (select package_id from elsewhere)
  )
  delete from application_packages where ctid = any(array(select ctid from batch))`

/** Whether no application has the package of a column installed; deleted applications do not count. */
export function isInstalledNowhere(packageId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`not exists (
    select from application_packages as elsewhere
    where elsewhere.package_id = ${packageId} and ${isInstalled(sql`elsewhere`)})`
}

function isInstalled(alias: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`${alias}.removed_at is null and ${isLiveApplication(sql`${alias}.application_id`)}`
}

/** Removes packages of a deleted organization. */
export const removePackages = removalFrom('packages', 'organization_id')

/** Removes versions of packages of a deleted organization. */
export const removePackageVersions = removalFrom(
  'package_versions',
  'package_id',
  (organizationId) => sql`select id from packages where organization_id = ${organizationId}`,
)
