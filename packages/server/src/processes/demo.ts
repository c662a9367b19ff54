import {
  createFirstRun,
  firstRunLines,
  firstRunPath,
  readFirstRun,
  startScriptedModel,
} from '../features/instance/setup/index.ts'
import { addressPolicy, allowOwnServer } from '../platform/egress/address-policy.ts'
import type { Config } from '../platform/config/config.ts'
import type { Booted } from './boot.ts'
import type { Stop } from './run-process.ts'

// The scripted model's base URL, kept from its start until the announcement.
let modelBaseUrl: string | undefined

/** Starts the demo agent's model before the worker resumes runs that need it. */
export async function prepareDemo({ config, platform }: Booted): Promise<Stop> {
  if (!wantsDemo(config)) return async () => undefined
  const model = await startScriptedModel(platform.db, config.DATA_DIR)
  modelBaseUrl = model.baseUrl
  allowOwnServer(platform.use(addressPolicy), model.baseUrl)
  return () => model.close()
}

/** Sets up the demo on an empty instance, and prints how to use it. */
export async function announceFirstRun({ config, platform, log }: Booted, url: string): Promise<void> {
  if (modelBaseUrl === undefined) return
  const path = firstRunPath(config.DATA_DIR)
  const made = await createFirstRun(platform, { url, path, modelBaseUrl })
  if (made !== undefined) return console.log(firstRunLines(made, path))
  const earlier = await readFirstRun(path, url)
  if (earlier === undefined) log.debug('The instance has no demo.')
  else console.log(`\nAppstrate is ready at ${url} (credentials of the first run: ${path})\n`)
}

function wantsDemo({ DEMO, DATABASE_URL }: Config): boolean {
  return DEMO === 'on' || (DEMO === 'auto' && DATABASE_URL === undefined)
}
