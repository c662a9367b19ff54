import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Type, type Static } from 'typebox'
import type { Tx } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { newUuid, toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { insertAdministrator } from '../../accounts/administrators/index.ts'
import { issueApiKey } from '../../accounts/api-keys/index.ts'
import { createOrganization, hasOrganizations } from '../../accounts/organizations/index.ts'
import { hasUsers, registerUser } from '../../accounts/sign-in/index.ts'
import { insertAgent } from '../../catalog/agents/index.ts'
import { insertModel } from '../../catalog/models/index.ts'
import { insertProviderKey, sealSecret } from '../../catalog/provider-keys/index.ts'
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

export function firstRunPath(dataDir: string): string {
  return join(dataDir, 'first-run.json')
}

/** The first run of an earlier boot; undefined if there was none. Throws OperatorError if its file is damaged. */
export function readFirstRun(path: string): Promise<FirstRun | undefined> {
  return readJson(path, FirstRun)
}

/** Stores the server's current URL in the file of the first run. */
export async function updateFirstRun(path: string, firstRun: FirstRun, url: string): Promise<void> {
  if (firstRun.url !== url) await writePrivateJson(path, { ...firstRun, url })
}

/** The agent of the first run. It does real work in the sandbox, with the scripted model or any other. */
const demoAgent = {
  name: 'csv-totals',
  displayName: 'CSV totals',
  description: 'Adds up the numeric columns of a CSV file.',
  prompt: [
    'You are given one CSV file in /workspace/input. Its first row names the columns.',
    '',
    '1. Compute the number of data rows and the exact total of every numeric column, with a command in the sandbox. ' +
      'Never add numbers up yourself.',
    '2. Save the result as /workspace/output/totals.json.',
    '3. Return it with `output`: ' +
      'the file name, the number of rows, the column names and the totals as decimal strings.',
    '',
    'If the file is not a CSV with a header, do not invent anything: ' +
      'say in plain words what is wrong with it, and end.',
  ].join('\n'),
  tools: ['bash', 'read_file', 'list_files', 'log', 'report', 'output'],
  output: {
    type: 'object',
    properties: {
      file: { type: 'string' },
      rows: { type: 'integer', minimum: 0 },
      columns: { type: 'array', items: { type: 'string' } },
      totals: { type: 'object', additionalProperties: { type: 'string', pattern: '^-?\\d+(\\.\\d+)?$' } },
    },
    required: ['rows', 'totals'],
  },
} as const

/**
 * Creates the owner, organization, application, API key, scripted model and demo agent of an empty instance. The owner
 * administers the instance.
 * The file is written before the commit: an interrupted first boot leaves the instance empty, and the next one retries.
 */
export async function createFirstRun(
  platform: Pick<Platform, 'db' | 'keyRing' | 'permissions' | 'versions'>,
  { url, path, modelBaseUrl }: { readonly url: string; readonly path: string; readonly modelBaseUrl: string },
): Promise<FirstRun | undefined> {
  if ((await hasUsers(platform.db)) || (await hasOrganizations(platform.db))) return undefined
  return platform.db.transaction().execute(async (tx) => {
    const owner = { name: 'Owner', email: 'owner@example.com', password: randomBytes(15).toString('base64url') }
    const userId = await registerUser(tx, owner)
    // A user has signed up in the meantime.
    if (userId === undefined) return undefined
    await insertAdministrator(tx, { userId, grantedBy: null })
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
    await writePrivateJson(path, firstRun)
    return firstRun
  })
}

async function insertScriptedModel(
  tx: Tx,
  platform: Pick<Platform, 'keyRing'>,
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
