import {
  createFirstRun,
  firstRunLines,
  firstRunNotice,
  firstRunPath,
  readFirstRun,
  startScriptedModel,
  updateFirstRun,
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
  const model = await startScriptedModel(platform, config.DATA_DIR)
  modelBaseUrl = model.baseUrl
  allowOwnServer(platform.use(addressPolicy), model.baseUrl)
  return () => model.close()
}

/** Sets up the demo on an empty instance, and prints how to use it: with its credentials only on a terminal. */
export async function announceFirstRun({ config, platform, log }: Booted, url: string): Promise<void> {
  if (modelBaseUrl === undefined) return
  const path = firstRunPath(config.DATA_DIR)
  const made = await createFirstRun(platform, { url, path, modelBaseUrl })
  if (made !== undefined)
    return console.log(process.stdout.isTTY ? firstRunLines(made, path) : firstRunNotice(url, path))
  const earlier = await readFirstRun(path).catch((error: unknown) => {
    log.warn({ reason: String(error) }, 'The credentials of the first run cannot be read.')
    return 'damaged' as const
  })
  if (earlier === undefined) return log.debug('The instance has no demo.')
  if (earlier === 'damaged') return console.log(`\nAppstrate is ready at ${url}\n`)
  await updateFirstRun(path, earlier, url)
  console.log(`\nAppstrate is ready at ${url} (credentials of the first run: ${path})\n`)
}

function wantsDemo({ DEMO, DATABASE_URL }: Config): boolean {
  return DEMO === 'on' || (DEMO === 'auto' && DATABASE_URL === undefined)
}
