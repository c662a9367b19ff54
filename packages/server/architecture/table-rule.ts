import { isTest, roomOf } from './place.ts'
import type { Source, Tree } from './source-file.ts'

/** Tables of folders that declare no feature, and the folders that use them beside their owner. */
const tablesOutsideFeatures: readonly OwnedTable[] = [
  // Every feature writes entries through the platform; the feature reads, chains and verifies them.
  { table: 'audit_log', owner: 'platform/audit', sharedWith: ['delivery/audit'] },
  { table: 'encryption_keys', owner: 'platform/crypto' },
  { table: 'idempotency_keys', owner: 'platform/http' },
  { table: 'migrations', owner: 'platform/db' },
  { table: 'outbox', owner: 'platform/outbox' },
]

export interface OwnedTable {
  readonly table: string
  readonly owner: string
  readonly sharedWith?: readonly string[]
}

interface Owner {
  readonly folder: string
  readonly sharedWith: readonly string[]
}

/** The tables that migrations create. */
export function tablesOf(migrations: readonly string[]): Set<string> {
  const pattern = /create table (?:if not exists )?(\w+)/gi
  return new Set(migrations.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name)))
}

/** Each table has one owner, and only its owner's sources name it; tests may name any. */
export function tableViolations(
  tree: Tree,
  tables: ReadonlySet<string>,
  outsideFeatures: readonly OwnedTable[] = tablesOutsideFeatures,
): string[] {
  const owners = ownersIn(tree, outsideFeatures)
  const mistakesOfOwners = [...new Set([...tables, ...owners.keys()])].flatMap((table) => {
    const folders = (owners.get(table) ?? []).map(({ folder }) => folder)
    if (!tables.has(table)) return [`${table}: owned by ${folders.join(' and ')}, and no migration creates it`]
    if (folders.length === 1) return []
    return [`${table}: ${folders.length === 0 ? 'no owner' : `two owners, ${folders.join(' and ')}`}`]
  })
  const accesses = [...tree.values()]
    .filter(({ path }) => !isTest(path))
    .flatMap((source) => foreignIn(source, { tables, owners }))
  return [...mistakesOfOwners, ...accesses]
}

function ownersIn(tree: Tree, outsideFeatures: readonly OwnedTable[]): Map<string, Owner[]> {
  const owners = new Map<string, Owner[]>()
  const add = (table: string, owner: Owner) => owners.set(table, [...(owners.get(table) ?? []), owner])
  for (const { table, owner, sharedWith = [] } of outsideFeatures) add(table, { folder: owner, sharedWith })
  for (const { path, tables } of tree.values()) {
    if (isTest(path)) continue
    const folder = folderOf(path)
    for (const table of tables.owns) add(table, { folder, sharedWith: tables.sharedWith.get(table) ?? [] })
  }
  return owners
}

function foreignIn(
  { path, tables: use }: Source,
  { tables, owners }: { tables: ReadonlySet<string>; owners: ReadonlyMap<string, readonly Owner[]> },
): string[] {
  const folder = folderOf(path)
  const isAllowed = ({ folder: owner, sharedWith }: Owner) => owner === folder || sharedWith.includes(folder)
  const foreign = use.names.filter((name) => tables.has(name) && owners.get(name)?.some(isAllowed) !== true)
  return [
    ...foreign.map((name) => `${path}: names the table ${name} of ${owners.get(name)?.[0]?.folder ?? 'no feature'}`),
    ...use.dynamic.map((how) => `${path}: ${how}`),
  ]
}

/** `execution/runs` of a feature, `platform/outbox` of the platform, or the layer. */
function folderOf(path: string): string {
  return roomOf(path) || path.split('/', 1)[0] || ''
}
