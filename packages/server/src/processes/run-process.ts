import { setTimeout as sleep } from 'node:timers/promises'
import { portOf } from '../platform/http/port-of.ts'
import { modelPrices } from '../features/catalog/models/index.ts'
import { readiness } from '../features/instance/health/index.ts'
import { startWorker, type Worker } from '../features/execution/queue/index.ts'
import { detectSandbox } from '../features/execution/sandboxes/index.ts'
import { features } from '../features/index.ts'
import { warmSignIn } from '../features/accounts/sign-in/index.ts'
import { findConfigPaths } from '../platform/config/config-paths.ts'
import { variablesOf, type Config } from '../platform/config/config.ts'
import { jobsOf } from './jobs-of.ts'
import { inBackground } from '../platform/in-background.ts'
import { startJobs } from '../platform/jobs/start-jobs.ts'
import { boot, explain, giveUp, type Booted } from './boot.ts'
import { buildApi } from './serve-api.ts'

/** This long after draining the process exits without finishing its stop: a supervisor would kill it soon anyway. */
const stopMs = 7_500
const queueSilenceMs = 10_000

/** Stops a part. What serves requests first serves them for `drainMs` more. */
export type Stop = (drainMs: number) => Promise<void>

/** The parts of a process. */
export interface Parts {
  readonly roles: (config: Config) => { readonly api: boolean; readonly worker: boolean }
  /** Called before the worker and the API start; returns a function that stops it. */
  readonly prepare?: (booted: Booted) => Promise<Stop>
  /** Called once the API listens at `url`. */
  readonly announce?: (booted: Booted, url: string) => Promise<void>
}

/** Runs the parts until the process receives a signal to stop. */
export async function runProcess(parts: Parts): Promise<void> {
  const booted = await boot()
  const stops: Stop[] = []
  stopOnSignals(booted, stops)
  readPrices(booted)
  const roles = parts.roles(booted.config)
  if (parts.prepare !== undefined) stops.push(await parts.prepare(booted))
  if (roles.worker) stops.unshift(await runWorker(booted))
  if (!roles.api) return
  const url = await runApi(booted, stops)
  await afterListening(parts, booted, url).catch((error: unknown) => {
    // If the process is stopping, it may already have closed the platform: the error is expected.
    if (!booted.platform.stopping.aborted) giveUp(explain(error))
  })
}

async function afterListening({ announce }: Parts, booted: Booted, url: string): Promise<void> {
  await announce?.(booted, url)
  await warmSignIn(booted.platform)
}

// A broken price file fails the boot instead of the first run that needs it.
function readPrices({ platform }: Booted): void {
  try {
    platform.use(modelPrices)
  } catch (error) {
    giveUp(explain(error))
  }
}

async function runWorker({ platform: shared, config, log }: Booted): Promise<Stop> {
  const platform = inBackground(shared)
  const hidden = findConfigPaths(config, variablesOf(features))
  const detection = await detectSandbox({ preference: config.SANDBOX, log, hidden, dataDir: config.DATA_DIR })
  if (!detection.available)
    log.warn({ reason: detection.reason }, 'No sandbox is available: sandbox tools are refused on this server.')
  const worker: Worker = await startWorker({
    platform,
    detection,
    sandboxesMax: config.SANDBOXES_CONCURRENT,
  })
  const checks = platform.use(readiness)
  checks.add('queue', async () => {
    if (worker.silenceMs() > queueSilenceMs) throw new Error(`has had no heartbeat for ${worker.silenceMs()} ms`)
  })
  checks.add('sandbox', async () => {
    if (!detection.available && config.SANDBOX !== 'off') throw new Error(`is not available: ${detection.reason}`)
  })
  const jobs = startJobs(platform, jobsOf(features))
  return async () => void (await Promise.all([worker.stop(), jobs.stop()]))
}

async function runApi({ platform, config, log, logOutput, close }: Booted, stops: Stop[]): Promise<string> {
  platform.use(readiness).addOptional('log', async () => {
    const { isFailing, droppedLines } = logOutput
    if (isFailing) throw new Error(`cannot be written; ${droppedLines} lines were dropped`)
  })
  const app = await buildApi(platform, features)
  stops.unshift(async (drainMs) => {
    await sleep(drainMs)
    platform.beginStop()
    await app.close()
  })
  try {
    await app.listen({ port: config.PORT, host: config.HOST })
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    for (const stop of stops) await stop(0)
    await close()
    giveUp(
      taken
        ? [`Port ${config.PORT} of ${config.HOST} is in use: stop the process that listens there, or set PORT.`]
        : explain(error),
    )
  }
  const port = portOf(app.server.address())
  log.info({ port, host: config.HOST }, 'The API is listening.')
  return `http://localhost:${port}`
}

function stopOnSignals(booted: Booted, stops: Stop[]): void {
  let stopping = false
  const stop = (why: string, drainMs: number) => {
    if (stopping) return
    stopping = true
    booted.log.info({ why, drainMs }, 'Stopping.')
    setTimeout(() => {
      booted.log.error('Stopping took too long: exiting now.')
      process.exit(1)
    }, drainMs + stopMs).unref()
    void stopAll(booted, stops, drainMs).then(
      () => process.exit(0),
      (error: unknown) => {
        booted.log.error({ err: error }, 'Stopping failed.')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => stop('SIGTERM', booted.config.DRAIN_SECONDS * 1000))
  // Somebody presses Ctrl-C and waits: no load balancer is involved.
  process.on('SIGINT', () => stop('SIGINT', 0))
}

async function stopAll({ platform, close, log }: Booted, stops: readonly Stop[], drainMs: number): Promise<void> {
  platform.beginDrain()
  await Promise.all(stops.map((stop) => stop(drainMs)))
  platform.beginStop()
  await close()
  log.info('Stopped.')
}
