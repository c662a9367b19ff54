import { CompiledQuery } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toColumnText, toJsonText } from '../../../platform/db/json-text.ts'
import type { AppScope, OrgScope } from '../../../platform/access/caller.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { parseManifest, type AgentManifest } from './agent-manifest.ts'
import { toAgent, type AgentRow } from './agent-store.ts'
import { isVersion, parseAgentReference, type Agent, type AgentVersion, type InstalledAgent } from './agent.ts'

const columns = ['id', 'version', 'manifest', 'prompt', 'created_at'] as const

export interface NewVersion {
  readonly packageId: string
  readonly manifest: AgentManifest
  readonly prompt: string
  readonly createdBy: string | null
}

/** Inserts an agent package under the organization's slug. Throws agent-name-taken. */
export async function insertPackage(
  tx: Tx,
  scope: OrgScope,
  { name, createdBy }: { name: string; createdBy: string | null },
): Promise<{ id: string; name: string }> {
  const { slug } = await tx
    .selectFrom('organizations')
    .select('slug')
    .where('id', '=', scope.organizationId)
    .executeTakeFirstOrThrow()
  const inserted = await tx
    .insertInto('packages')
    .values({
      id: newUuid(),
      organization_id: scope.organizationId,
      scope: slug,
      name,
      type: 'agent',
      created_by: createdBy,
    })
    .onConflict((conflict) =>
      conflict.columns(['organization_id', 'scope', 'name']).where('deleted_at', 'is', null).doNothing(),
    )
    .returning('id')
    .executeTakeFirst()
  if (inserted === undefined)
    throw problem('agent-name-taken', {
      detail: `The organization already has a package @${slug}/${name}: choose another name.`,
    })
  return { id: inserted.id, name: `@${slug}/${name}` }
}

export async function insertVersion(tx: Tx, scope: OrgScope, version: NewVersion): Promise<AgentVersion> {
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
  return toAgentVersion(row)
}

/** The agent's version with this number; the installed version when undefined. Throws agent-version-not-found. */
export async function getAgentVersion(db: Db, agent: Agent, version: string | undefined): Promise<AgentVersion> {
  const all = select(db, { organizationId: agent.organizationId }).where('package_id', '=', agent.packageId)
  if (version !== undefined && !isVersion(version)) throw problem('agent-version-not-found')
  const row = await (version === undefined
    ? all.where('id', '=', agent.versionId)
    : all.where('version', '=', version)
  ).executeTakeFirst()
  if (row === undefined) throw problem('agent-version-not-found')
  return toAgentVersion(row)
}

interface InstalledAgentReference {
  readonly reference: string
  readonly version: string | undefined
}

/** As `findInstalledAgent`. Throws agent-not-found, agent-version-not-found. */
export async function getInstalledAgent(
  db: Db,
  scope: AppScope,
  reference: InstalledAgentReference,
): Promise<InstalledAgent> {
  const found = await findInstalledAgent(db, scope, reference)
  if ('missing' in found) throw problem(found.missing === 'agent' ? 'agent-not-found' : 'agent-version-not-found')
  return found
}

/**
 * The agent with the version of this number; with the installed version when undefined. One statement, because every
 * start of a run reads it.
 */
export async function findInstalledAgent(
  db: Db,
  scope: AppScope,
  { reference, version }: InstalledAgentReference,
): Promise<InstalledAgent | { readonly missing: 'agent' | 'version' }> {
  const parsed = parseAgentReference(reference)
  if (parsed === undefined) return { missing: 'agent' }
  const [isNamed, names] =
    'id' in parsed ? ['i.id = $4', [parsed.id]] : ['p.scope = $4 and p.name = $5', [parsed.scope, parsed.name]]
  const values = [scope.organizationId, scope.applicationId, version ?? null, ...names]
  const { rows } = await db.executeQuery<InstalledRow>(CompiledQuery.raw(installed + isNamed, values))
  const [row] = rows
  if (row === undefined) return { missing: 'agent' }
  if (row.found_id === null) return { missing: 'version' }
  const found = {
    id: row.found_id,
    version: row.found_version,
    manifest: row.manifest,
    prompt: row.prompt,
    created_at: row.created_at,
  }
  return { agent: toAgent(row), version: toAgentVersion(found) }
}

type InstalledRow = AgentRow &
  (
    | { found_id: string; found_version: string; manifest: unknown; prompt: string; created_at: Date }
    | { found_id: null }
  )

const installed = `
  select i.id, i.organization_id, i.application_id, i.package_id, p.scope, p.name, i.version_id, v.version,
    i.model_id, i.enabled, i.installed_at, i.updated_at,
    f.id as found_id, f.version as found_version, f.manifest, f.prompt, f.created_at
  from application_packages i
  join packages p on p.id = i.package_id
  join package_versions v on v.id = i.version_id
  left join package_versions f on f.package_id = i.package_id and f.version = coalesce($3, v.version)
  where i.organization_id = $1 and p.organization_id = $1 and i.application_id = $2 and i.removed_at is null
    and p.type = 'agent' and `

/** A version by its stored id, even if its agent was removed. Throws agent-version-not-found. */
export async function getPackageVersion(db: Db, organizationId: string, versionId: string): Promise<AgentVersion> {
  const row = await select(db, { organizationId }).where('id', '=', versionId).executeTakeFirst()
  if (row === undefined) throw problem('agent-version-not-found')
  return toAgentVersion(row)
}

export async function listAgentVersions(
  db: Db,
  agent: Agent,
  page: Page,
): Promise<Slice<Omit<AgentVersion, 'prompt'>>> {
  const all = db
    .selectFrom('package_versions')
    .where('organization_id', '=', agent.organizationId)
    .where('package_id', '=', agent.packageId)
  const rows = await all
    .select(['id', 'version', 'manifest', 'created_at'])
    .orderBy('id', 'desc')
    .limit(page.pageSize)
    .offset(offsetOf(page))
    .execute()
  const { total } = await all.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  const items = rows.map((row) => ({
    id: row.id,
    version: row.version,
    manifest: parseManifest(row.manifest),
    createdAt: row.created_at,
  }))
  return { items, total }
}

/** The numbers of all versions of a package. */
export async function listVersionNumbers(tx: Tx, scope: OrgScope, packageId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('package_versions')
    .select('version')
    .where('organization_id', '=', scope.organizationId)
    .where('package_id', '=', packageId)
    .execute()
  return rows.map((row) => row.version)
}

function select(db: Db, scope: OrgScope) {
  return db.selectFrom('package_versions').select(columns).where('organization_id', '=', scope.organizationId)
}

function toAgentVersion(row: {
  id: string
  version: string
  manifest: unknown
  prompt: string
  created_at: Date
}): AgentVersion {
  return {
    id: row.id,
    version: row.version,
    manifest: parseManifest(row.manifest),
    prompt: row.prompt,
    createdAt: row.created_at,
  }
}
