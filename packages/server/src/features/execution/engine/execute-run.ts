import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, plainSeal } from '../../accounts/end-users/index.ts'
import { getPackageVersion, toolsOf } from '../../catalog/agents/index.ts'
import { ModelGone, openModelTarget } from '../../catalog/models/index.ts'
import {
  Fenced,
  openJournal,
  openRunWith,
  readJournal,
  type NewEvent,
  type Run,
  type StoredRun,
} from '../runs/index.ts'
import { hasEnded } from './claim-store.ts'
import { driveRun } from './drive-run.ts'
import { failed, finishRun, type Ending } from './finish-run.ts'
import { runLimits } from './limits.ts'
import { openingMessages } from './prompt.ts'
import { listInputs } from './run-inputs.ts'
import { createRunSandbox, type RunSandbox, type SandboxParts } from './run-sandbox.ts'
import { sandboxTools } from './sandbox-tools.ts'
import { toolsNamed } from './tool-calls.ts'
import { rebuildTranscript } from './transcript.ts'

/** Why a run's signal aborts. */
export class RunStopped extends Error {
  override readonly name = 'RunStopped'
  readonly why: 'timeout' | 'taken-away' | 'handover'

  constructor(why: 'timeout' | 'taken-away' | 'handover') {
    super(`The run was stopped: ${why}.`)
    this.why = why
  }
}

/** `ended`: nothing is left to do. `handover`: another worker, or this one later, goes on. */
export type Execution = 'ended' | 'handover'

/** Executes an attempt at a run until it ends, is taken away, or must be handed over. Never throws. */
export async function executeRun(parts: SandboxParts, stored: StoredRun, signal: AbortSignal): Promise<Execution> {
  const { platform } = parts
  try {
    const run = openRunWith(await platform.use(contentSeals).of(platform.db, stored), stored)
    return await executeOpened(parts, run, signal)
  } catch (error) {
    platform.log.error({ err: error, runId: stored.id }, "The run's content could not be opened.")
    return error instanceof SealBroken ? endUnreadable(platform, stored) : 'handover'
  }
}

// An encryption key of the server is missing, or the row was changed from outside: another attempt would see the same.
async function endUnreadable(platform: Platform, stored: StoredRun): Promise<Execution> {
  try {
    await finishRun(
      platform,
      { ...stored, seal: plainSeal },
      failed('content-unreadable', 'The content of the run can not be opened on this server.'),
    )
    return 'ended'
  } catch (error) {
    return error instanceof Fenced ? 'ended' : 'handover'
  }
}

async function executeOpened(parts: SandboxParts, run: Run, signal: AbortSignal): Promise<Execution> {
  const { platform } = parts
  const log = platform.log.child({ runId: run.id })
  const sandbox = createRunSandbox(parts, run)
  try {
    const ending = await attemptRun(parts, { run, sandbox, signal })
    await finishRun(platform, run, { ...ending, entries: await keepOutput(platform, run, sandbox) })
  } catch (error) {
    const isLost = error instanceof Fenced || whyStopped(signal) === 'taken-away'
    if (!isLost) {
      if (whyStopped(signal) !== 'handover') log.error({ err: error }, 'The run could not be executed.')
      return 'handover'
    }
    // Taken over by another worker, the workspace is in use; after a cancel it is this one's to clear.
    if (!(await hasEnded(platform.db, run.id).catch(() => false))) return 'ended'
    await keepOutput(platform, run, sandbox)
  }
  await sandbox.remove().catch((error: unknown) => log.warn({ err: error }, 'A workspace was left for the sweep.'))
  return 'ended'
}

async function attemptRun(
  parts: SandboxParts,
  about: { run: Run; sandbox: RunSandbox; signal: AbortSignal },
): Promise<Ending> {
  const { run, signal } = about
  if (run.attempt > runLimits.attemptsMax)
    return failed('too-many-attempts', `The run was interrupted ${run.attempt - 1} times; it is not tried again.`)
  try {
    return await prepareAndDrive(parts.platform, about)
  } catch (error) {
    if (whyStopped(signal) === 'timeout') {
      return {
        status: 'timeout',
        error: { code: 'timeout', message: `The run took longer than ${run.timeoutMs / 1000} s.` },
      }
    }
    if (error instanceof Fenced || signal.aborted || isInfrastructure(error)) throw error
    if (error instanceof ModelGone) return modelGone
    parts.platform.log.error({ err: error, runId: run.id }, 'The run failed for a reason of ours.')
    return failed('internal-error', 'Something failed on our side. The log has the cause under the id of this run.')
  }
}

const modelGone = failed('model-gone', 'The model that the run was started with was deleted, or its provider key was.')

async function prepareAndDrive(
  platform: Platform,
  { run, sandbox, signal }: { run: Run; sandbox: RunSandbox; signal: AbortSignal },
): Promise<Ending> {
  const version = await getPackageVersion(platform.db, run.organizationId, run.packageVersionId)
  const outputSchema = version.manifest.output?.schema
  const tools = toolsNamed(toolsOf(version.manifest), outputSchema)
  if (run.modelRowId === null) return modelGone
  const target = await openModelTarget(platform, run.organizationId, run.modelRowId)
  const opening = openingMessages({
    run,
    goal: version.prompt,
    toolNames: [...tools.keys()],
    hasSandboxTools: sandboxTools.some((tool) => tools.has(tool.name)),
    outputSchema,
    files: await listInputs(platform, run),
  })
  const journal = run.attempt === 1 ? [] : openJournal(run.seal, await readJournal(platform.db, run.id))
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = run.usage
  const spent = { tokens: inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens, costUsd: run.costUsd }
  return driveRun({
    platform,
    run,
    target,
    tools,
    outputSchema,
    sandbox,
    transcript: rebuildTranscript(opening, journal),
    signal,
    spent,
  })
}

// A run is not failed for files that can't be kept: its log says which they are.
async function keepOutput(platform: Platform, run: Run, sandbox: RunSandbox): Promise<readonly NewEvent[]> {
  try {
    const { lost, isMore } = await sandbox.collectOutput()
    if (lost.length === 0 && !isMore) return []
    const more = isMore ? [`only the first ${runLimits.outputFilesMax} files are kept`] : []
    const message = `Not all output was kept: ${[...lost.map(({ path, reason }) => `${path} ${reason}`), ...more].join('; ')}.`
    return [
      { kind: 'run_log', type: 'system', level: 'warn', event: 'output_not_kept', message, data: { lost, isMore } },
    ]
  } catch (error) {
    platform.log.error({ err: error, runId: run.id }, "The run's output files could not be kept.")
    return [
      {
        kind: 'run_log',
        type: 'system',
        level: 'error',
        event: 'output_not_kept',
        message: 'The output files could not be kept. The log has the cause under the id of this run.',
      },
    ]
  }
}

function whyStopped(signal: AbortSignal): RunStopped['why'] | undefined {
  return signal.reason instanceof RunStopped ? signal.reason.why : undefined
}

// The database's trouble is not the run's: it is tried again when the database is back. Beside lost connections: statements that
// were cancelled for their time (57014), and locks that were not had in theirs (55P03).
const databaseFailures = /^(08|53|57|40|55P03)/
const connectionFailures = /^(ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN)/

function isInfrastructure(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('code' in error && typeof error.code === 'string') {
    if (databaseFailures.test(error.code) || connectionFailures.test(error.code)) return true
    // An embedded server that is not there has no socket; any other missing file is no matter of the database.
    if (error.code === 'ENOENT') return 'syscall' in error && error.syscall === 'connect'
  }
  return /Connection terminated|connection error and is not queryable|timeout exceeded when trying to connect|Cannot use a pool after/.test(
    error.message,
  )
}
