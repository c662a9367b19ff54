import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Platform } from '../../../platform/platform.ts'
import { moveScriptedModel } from './first-run-store.ts'
import { readJson, writePrivateJson } from './private-file.ts'

const Address = Type.Object({ baseUrl: Type.String() })

export interface ScriptedModel {
  /** What a provider key calls: an OpenAI-compatible base URL on loopback. */
  readonly baseUrl: string
  close(): Promise<void>
}

/** Starts the model of the demo on a free loopback port, and moves the rows that knew its last one. */
export async function startScriptedModel({ config, db }: Platform): Promise<ScriptedModel> {
  const server: ModelServer = await startModelServer({ requestsMax: 1 })
  const baseUrl = `${server.url}/v1`
  const path = join(config.DATA_DIR, 'scripted-model.json')
  const last = await readJson(path)
  if (Value.Check(Address, last) && last.baseUrl !== baseUrl) await moveScriptedModel(db, last.baseUrl, baseUrl)
  await writePrivateJson(path, { baseUrl })
  return { baseUrl, close: () => server.close() }
}
