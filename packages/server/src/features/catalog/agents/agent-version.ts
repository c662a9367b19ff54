import type { AppScope, OrgScope } from '../../../platform/access/caller.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { Page, Slice } from '../../../platform/lists/load-page.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import {
  findInstallation,
  findNumberedVersion,
  findPackageVersion,
  insertPackageVersion,
  isVersion,
  loadPackageVersions,
  type PackageVersion,
  type PackageVersionSummary,
} from '../packages/index.ts'
import { parseManifest, type AgentManifest } from './agent-manifest.ts'
import { agentType, parseAgentReference, type Agent, type AgentVersion, type InstalledAgent } from './agent.ts'

export interface NewAgentVersion {
  readonly packageId: string
  readonly manifest: AgentManifest
  readonly prompt: string
  readonly createdBy: string | null
}

export async function insertAgentVersion(tx: Tx, scope: OrgScope, version: NewAgentVersion): Promise<AgentVersion> {
  return toAgentVersion(await insertPackageVersion(tx, scope, version))
}

/** The agent's version with this number. */
export async function findAgentVersion(db: Db, agent: Agent, number: string): Promise<AgentVersion | undefined> {
  if (!isVersion(number)) return undefined
  const version = await findNumberedVersion(db, agent, { packageId: agent.packageId, number })
  return version === undefined ? undefined : toAgentVersion(version)
}

/** A version by its stored id, even if its agent was removed. Throws agent-version-not-found. */
export async function getPackageVersion(db: Db, organizationId: string, versionId: string): Promise<AgentVersion> {
  const version = await findPackageVersion(db, { organizationId }, versionId)
  return toAgentVersion(foundOr(version, 'agent-version-not-found'))
}

/** The versions of an agent without their prompts and schemas, newest first. */
export function loadAgentVersions(db: Db, agent: Agent, page: Page): Promise<Slice<PackageVersionSummary>> {
  return loadPackageVersions(db, agent, { packageId: agent.packageId, page })
}

interface InstalledAgentReference {
  readonly reference: string
  readonly version: string | undefined
}

/** The agent with the version of this number; with the installed version when undefined. */
export async function findInstalledAgent(
  db: Db,
  scope: AppScope,
  { reference, version }: InstalledAgentReference,
): Promise<InstalledAgent | { readonly missing: 'agent' | 'version' }> {
  const parsed = parseAgentReference(reference)
  const found =
    parsed === undefined
      ? undefined
      : await findInstallation(db, scope, { type: agentType, reference: parsed, version })
  if (found === undefined) return { missing: 'agent' }
  return found.version === undefined
    ? { missing: 'version' }
    : { agent: found.installation, version: toAgentVersion(found.version) }
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

function toAgentVersion(version: PackageVersion): AgentVersion {
  return { ...version, manifest: parseManifest(version.manifest) }
}
