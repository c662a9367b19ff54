import type { ModelServer } from '@appstrate/model-server'
import { join } from 'node:path'
import { Type } from 'typebox'
import type { Platform } from '../../../platform/platform.ts'
import { moveBaseUrl } from '../../catalog/provider-keys/index.ts'
import { readJson, writePrivateJson } from './private-file.ts'

const Address = Type.Object({ baseUrl: Type.String() })

export interface ScriptedModel {
  /** The base URL for a provider key: OpenAI-compatible, on loopback. */
  readonly baseUrl: string
  close(): Promise<void>
}

/** Starts the demo's scripted model on a free loopback port, and updates the provider keys with its previous URL. */
export async function startScriptedModel(
  { db, log }: Pick<Platform, 'db' | 'log'>,
  dataDir: string,
): Promise<ScriptedModel> {
  // Loaded here: most processes have no demo.
  const { startModelServer } = await import('@appstrate/model-server')
  const server: ModelServer = await startModelServer({ requestsMax: 1 })
  const baseUrl = `${server.url}/v1`
  const path = join(dataDir, 'scripted-model.json')
  const last = await readJson(path, Address).catch((error: unknown) => {
    log.warn({ reason: String(error), baseUrl }, 'The demo needs this base URL in its provider key.')
    return undefined
  })
  if (last !== undefined && last.baseUrl !== baseUrl) await moveBaseUrl(db, last.baseUrl, baseUrl)
  await writePrivateJson(path, { baseUrl })
  return { baseUrl, close: () => server.close() }
}
