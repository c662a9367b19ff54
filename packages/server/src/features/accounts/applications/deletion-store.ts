import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import type { Block, Hooks, RowsOf } from '../../../platform/hooks/hooks.ts'
import { countAll, countedMax, findBlock } from '../../../platform/hooks/postgres-counts.ts'
import type { ApplicationReach } from './application.ts'

/** Counts of what a deletion deletes and of what blocks it, by API field. Each count stops at `countMax`. */
export interface DeletionPreview {
  readonly deletes: Readonly<Record<string, number>>
  readonly blockedBy: Readonly<Record<string, number>>
  readonly countMax: typeof countedMax
}

/** Counts, in one statement, the contents of the applications in reach and, if given, of the organization itself. */
export async function previewDeletion(
  db: Db,
  hooks: Hooks,
  { reach, organizationId }: { readonly reach: ApplicationReach; readonly organizationId?: string },
): Promise<DeletionPreview> {
  const organization = sql`${organizationId}::uuid`
  const ofOrganization = Object.entries(organizationId === undefined ? {} : hooks.contentsOf('organization'))
  const deletes = [
    ...ofOrganization.map(([name, { rows }]) => [name, rows(organization)] as const),
    ...Object.entries(hooks.contentsOf('application')).map(([name, { rows }]) => [name, inReach(reach, rows)] as const),
  ]
  const blockedBy = Object.entries(hooks.blocksOf('application'))
  const counts = await countAll(
    db,
    Object.fromEntries([
      ...deletes.map(([name, rows]) => [`deletes.${name}`, rows] as const),
      ...blockedBy.map(([name, { rows }]) => [`blockedBy.${name}`, inReach(reach, rows)] as const),
    ]),
  )
  const pick = (part: string, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, counts[`${part}.${name}`] ?? 0]))
  return {
    deletes: pick(
      'deletes',
      deletes.map(([name]) => name),
    ),
    blockedBy: pick(
      'blockedBy',
      blockedBy.map(([name]) => name),
    ),
    countMax: countedMax,
  }
}

/** The first thing that blocks the deletion of the applications in reach, or undefined. */
export function findDeletionBlock(db: Db, hooks: Hooks, reach: ApplicationReach): Promise<Block | undefined> {
  return findBlock(db, hooks.blocksOf('application'), (rows) => inReach(reach, rows))
}

// Because of the inner limit each application reads only its own part of the index, up to what is counted.
function inReach({ organizationId, onlyApplicationId }: ApplicationReach, rowsOf: RowsOf): RawBuilder<unknown> {
  const isInReach = onlyApplicationId === null ? sql`true` : sql`container.id = ${onlyApplicationId}`
  return sql`
    select from applications as container
    cross join lateral (${rowsOf(sql.ref('container.id'))} limit ${countedMax}) as found
    where container.organization_id = ${organizationId} and container.deleted_at is null and ${isInReach}`
}
