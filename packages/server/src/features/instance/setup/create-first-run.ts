import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { newUuid, toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { issueApiKey } from '../../accounts/api-keys/index.ts'
import { createOrganization, hasOrganizations } from '../../accounts/organizations/index.ts'
import { hasUsers, registerUser } from '../../accounts/sign-in/index.ts'
import { insertAgent } from '../../catalog/agents/index.ts'
import { insertModel } from '../../catalog/models/index.ts'
import { insertProviderKey, sealSecret } from '../../catalog/provider-keys/index.ts'
import { demoAgent } from './demo-agent.ts'
import { readJson, writePrivateJson } from './private-file.ts'

const FirstRun = Type.Object({
  url: Type.String(),
  email: Type.String(),
  password: Type.String(),
  orgId: Type.String(),
  appId: Type.String(),
  apiKey: Type.String(),
  agentId: Type.String(),
})
/** The content of `DATA_DIR/first-run.json`. */
export type FirstRun = Static<typeof FirstRun>

export function firstRunPath(platform: Platform): string {
  return join(platform.config.DATA_DIR, 'first-run.json')
}

/** The first run of an earlier boot, with the server's current URL; undefined if there was none. */
export async function readFirstRun(platform: Platform, url: string): Promise<FirstRun | undefined> {
  const stored = await readJson(firstRunPath(platform))
  if (!Value.Check(FirstRun, stored)) return undefined
  const current = { ...stored, url }
  if (stored.url !== url) await writePrivateJson(firstRunPath(platform), current)
  return current
}

/**
 * Creates the owner, organization, application, API key, scripted model and demo agent of an empty instance.
 * The file is written before the commit: an interrupted first boot leaves the instance empty, and the next one retries.
 */
export async function createFirstRun(
  platform: Platform,
  { url, modelBaseUrl }: { url: string; modelBaseUrl: string },
): Promise<FirstRun | undefined> {
  if ((await hasUsers(platform.db)) || (await hasOrganizations(platform.db))) return undefined
  return platform.db.transaction().execute(async (tx) => {
    const owner = { name: 'Owner', email: 'owner@example.com', password: randomBytes(15).toString('base64url') }
    const userId = await registerUser(tx, owner)
    // Somebody has signed up in the meantime.
    if (userId === undefined) return undefined
    const { organization, applicationId } = await createOrganization(tx, {
      name: 'Demo',
      slug: 'demo',
      apiVersion: platform.versions.current,
      userId,
    })
    const scope = { organizationId: organization.id, applicationId, endUserId: null }
    const { key } = await issueApiKey(tx, scope, {
      name: 'First run',
      scopes: platform.permissions.grantable,
      createdBy: userId,
      expiresAt: null,
    })
    const modelId = await insertScriptedModel(tx, platform, { scope, userId, modelBaseUrl })
    const { agent } = await insertAgent(tx, scope, { ...demoAgent, modelId, createdBy: userId })
    const firstRun = {
      url,
      email: owner.email,
      password: owner.password,
      orgId: toWireId('org', scope.organizationId),
      appId: toWireId('app', applicationId),
      apiKey: key,
      agentId: toWireId('agent', agent.id),
    }
    await writePrivateJson(firstRunPath(platform), firstRun)
    return firstRun
  })
}

async function insertScriptedModel(
  tx: Tx,
  platform: Platform,
  about: { scope: OrgScope; userId: string; modelBaseUrl: string },
): Promise<string> {
  const { scope, userId, modelBaseUrl } = about
  const [keyId, modelId] = [newUuid(), newUuid()]
  const key = await insertProviderKey(tx, scope, {
    id: keyId,
    label: 'Scripted model (no key needed)',
    api: 'openai-compatible',
    baseUrl: modelBaseUrl,
    encryptedKey: sealSecret(platform, keyId, 'none'),
    createdBy: userId,
  })
  const settings = {
    label: 'Scripted demo',
    modelId: 'demo-csv-totals',
    contextWindow: null,
    maxTokens: null,
    cost: null,
    enabled: true,
  }
  await insertModel(tx, scope, { id: modelId, settings, key, createdBy: userId })
  return modelId
}
