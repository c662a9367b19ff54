import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Block, Hooks } from '../../../platform/hooks/hooks.ts'
import { findBlock } from '../../../platform/hooks/postgres-counts.ts'
import type { Page, Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { isInstalledNowhere, toInstallation } from '../packages/index.ts'
import { agentType, parseAgentReference, type Agent } from './agent.ts'
import { keptIn } from '../../../platform/hooks/postgres-kept.ts'

/** An agent in a list: without its prompt and schemas. */
export interface AgentSummary {
  readonly id: string
  readonly scope: string
  readonly name: string
  readonly version: string
  readonly displayName: string | null
  readonly description: string | null
  /** The tool dependencies of its manifest. */
  readonly tools: unknown
  readonly timeoutSeconds: number | null
  readonly modelId: string | null
  readonly enabled: boolean
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A page of agents, newest first. */
export async function loadAgents(db: Db, scope: AppScope, page: Page): Promise<Slice<AgentSummary>> {
  const matching = installed(db, scope)
  const rows = matching
    .innerJoin('package_versions as v', 'v.id', 'i.version_id')
    .select(['i.id', 'p.scope', 'p.name', 'v.version', 'v.display_name as displayName', 'v.description', 'v.tools'])
    .select(['v.timeout_seconds as timeoutSeconds', 'i.model_id as modelId', 'i.enabled'])
    .select(['i.installed_at as createdAt', 'i.updated_at as updatedAt'])
  return loadNewest(db, { rows, matching, idColumn: 'i.id' }, page)
}

/** The agent of an `agent_…` or an `@scope/name`. */
export async function findAgent(db: Db, scope: AppScope, reference: string): Promise<Agent | undefined> {
  const parsed = parseAgentReference(reference)
  if (parsed === undefined) return undefined
  const all = select(db, scope)
  const one =
    'id' in parsed
      ? all.where('i.id', '=', parsed.id)
      : all.where('p.scope', '=', parsed.scope).where('p.name', '=', parsed.name)
  const row = await one.executeTakeFirst()
  return row === undefined ? undefined : toInstallation(row)
}

/** Locks the agent and its package until the transaction ends; runs can still be started. */
export async function lockAgent(tx: Tx, scope: AppScope, reference: string): Promise<Agent | undefined> {
  const found = await findAgent(tx, scope, reference)
  if (found === undefined) return undefined
  // Every change locks the package first, because its versions are numbered in sequence across applications.
  await tx
    .selectFrom('packages')
    .select('id')
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', found.packageId)
    .forNoKeyUpdate()
    .execute()
  const row = await select(tx, scope).where('i.id', '=', found.id).forNoKeyUpdate('i').executeTakeFirst()
  return row === undefined ? undefined : toInstallation(row)
}

/** The first thing that blocks the deletion of a locked agent, or undefined. No run can start meanwhile. */
export async function findDeletionBlock(tx: Tx, hooks: Hooks, agent: Agent): Promise<Block | undefined> {
  // A stronger lock than lockAgent's, which lets runs start: inserting a run takes a key-share lock on the agent's row.
  await tx
    .selectFrom('application_packages')
    .select('id')
    .where('application_id', '=', agent.applicationId)
    .where('id', '=', agent.id)
    .forUpdate()
    .execute()
  return findBlock(tx, hooks.blocksOf('agent'), (rows) => rows(sql`${agent.id}::uuid`))
}

export interface InstallationChanges {
  readonly versionId?: string
  readonly modelId?: string | null
  readonly enabled?: boolean
}

/** Changes a locked agent's installation. */
export async function saveInstallation(tx: Tx, agent: Agent, changes: InstallationChanges): Promise<Agent> {
  await tx
    .updateTable('application_packages')
    .set({
      version_id: changes.versionId ?? agent.versionId,
      model_id: changes.modelId === undefined ? agent.modelId : changes.modelId,
      enabled: changes.enabled ?? agent.enabled,
      updated_at: sql`now()`,
    })
    .where('application_id', '=', agent.applicationId)
    .where('id', '=', agent.id)
    .execute()
  return readInstallation(tx, { ...agent, endUserId: null }, agent.id)
}

/** Installs a package's version; the installation is the agent. */
export async function insertInstallation(
  tx: Tx,
  scope: AppScope,
  installation: { id: string; packageId: string; versionId: string; modelId: string | null },
): Promise<Agent> {
  await tx
    .insertInto('application_packages')
    .values({
      id: installation.id,
      organization_id: scope.organizationId,
      application_id: scope.applicationId,
      package_id: installation.packageId,
      version_id: installation.versionId,
      model_id: installation.modelId,
    })
    .execute()
  return readInstallation(tx, scope, installation.id)
}

/** Removes a locked agent. Its runs and versions stay; its name is free when no application has it installed. */
export async function removeInstallation(tx: Tx, scope: AppScope, agent: Agent): Promise<void> {
  await tx
    .updateTable('application_packages')
    .set({ removed_at: sql`now()` })
    .where('application_id', '=', scope.applicationId)
    .where('id', '=', agent.id)
    .execute()
  await tx
    .updateTable('packages as p')
    .set({ deleted_at: sql`now()` })
    .where('p.organization_id', '=', scope.organizationId)
    .where('p.id', '=', agent.packageId)
    .where(isInstalledNowhere(sql`p.id`))
    .execute()
}

/** Names of agents, to be joined. */
export function agentNames(db: Db) {
  return db
    .selectFrom('application_packages as i')
    .innerJoin('packages as p', 'p.id', 'i.package_id')
    .select(['i.id', sql<string>`'@' || p.scope || '/' || p.name`.as('name')])
}

/** Selects a row for each agent of an application. */
export function agentsOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from application_packages where application_id = ${applicationId} and removed_at is null`
}

// An installation that this transaction has just written.
async function readInstallation(tx: Tx, scope: AppScope, id: string): Promise<Agent> {
  return toInstallation(await select(tx, scope).where('i.id', '=', id).executeTakeFirstOrThrow())
}

function installed(db: Db, scope: AppScope) {
  return db
    .selectFrom('application_packages as i')
    .innerJoin('packages as p', 'p.id', 'i.package_id')
    .where('i.organization_id', '=', scope.organizationId)
    .where('p.organization_id', '=', scope.organizationId)
    .where('i.application_id', '=', scope.applicationId)
    .where('i.removed_at', 'is', null)
    .where('p.type', '=', agentType)
}

function select(db: Db, scope: AppScope) {
  return installed(db, scope)
    .innerJoin('package_versions as v', 'v.id', 'i.version_id')
    .select([
      'i.id',
      'i.organization_id',
      'i.application_id',
      'i.package_id',
      'p.scope',
      'p.name',
      'i.version_id',
      'v.version',
    ])
    .select(['i.model_id', 'i.enabled', 'i.installed_at', 'i.updated_at'])
}

/** Whether the agent with this stored id is still there. */
export const isAgentKept = keptIn('application_packages', sql<boolean>`removed_at is null`)
