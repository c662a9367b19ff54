import { SealBroken } from '../../../platform/crypto/key-ring.ts'
import { databaseFailureOf } from '../../../platform/db/database-failure.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, plainSeal } from '../../accounts/end-users/index.ts'
import { getPackageVersion, toolsOf } from '../../catalog/agents/index.ts'
import { getModelTarget, ModelGone, modelLimiters } from '../../catalog/models/index.ts'
import {
  countFruitlessAttempts,
  Fenced,
  finishRun,
  hasRunEnded,
  unsealJournal,
  unsealRunWith,
  outputNotKept,
  loadJournal,
  measureJournal,
  type Ending,
  type LogEntry,
  type Run,
  type StoredRun,
} from '../runs/index.ts'
import { outputEntriesMax } from '../sandboxes/index.ts'
import { driveRun } from './loop/drive-run.ts'
import { failed } from './loop/endings.ts'
import { runLimits } from './loop/limits.ts'
import { openingMessages } from './loop/prompt.ts'
import {
  createRunSandbox,
  loadInputs,
  outputFilesMax,
  type RunSandbox,
  type SandboxParts,
  sandboxTools,
  toolsNamed,
} from '../tools/index.ts'
import { rebuildTranscript } from './loop/transcript.ts'
import { RunStopped, type Turn } from './turn.ts'

/** What executing a run needs. */
export interface ExecutionParts extends SandboxParts {
  readonly platform: SandboxParts['platform'] & Pick<Platform, 'clock' | 'keyRing' | 'log' | 'wake'>
}

/**
 * `ended`: nothing is left to do. Otherwise another attempt must continue the run: `handover` and `shutdown` when the
 * worker has stopped the attempt, `failed` when it could not go on.
 */
export type Execution = 'ended' | 'handover' | 'shutdown' | 'failed'

/** Executes an attempt until its run ends, is taken over by another worker, or must be released. Never throws. */
export async function executeRun(parts: ExecutionParts, stored: StoredRun, turn: Turn): Promise<Execution> {
  const { platform } = parts
  try {
    const run = unsealRunWith(await platform.use(contentSeals).of(platform.db, stored), stored)
    return await executeUnsealed(parts, run, turn)
  } catch (error) {
    if (!(error instanceof SealBroken)) {
      platform.log.error({ err: error, runId: stored.id }, 'The run could not be executed; it is released.')
      return 'failed'
    }
    platform.log.error({ err: error, runId: stored.id }, 'The content of the run could not be decrypted.')
    return endUnreadable(platform, stored)
  }
}

// An encryption key is missing or the row was modified outside the server: another attempt would fail too.
async function endUnreadable(platform: Pick<Platform, 'db' | 'wake'>, stored: StoredRun): Promise<Execution> {
  try {
    await finishRun(
      platform,
      { ...stored, seal: plainSeal },
      failed('content-unreadable', 'The content of the run cannot be decrypted on this server.'),
    )
    return 'ended'
  } catch (error) {
    return error instanceof Fenced ? 'ended' : 'failed'
  }
}

async function executeUnsealed(parts: ExecutionParts, run: Run, turn: Turn): Promise<Execution> {
  const { platform } = parts
  const log = platform.log.child({ runId: run.id })
  const sandbox = createRunSandbox(parts, run)
  try {
    const ending = await attemptRun(parts, { run, sandbox, turn })
    await finishRun(platform, run, { ...ending, entries: await keepOutput(platform, run, sandbox) })
  } catch (error) {
    const why = whyStopped(turn.signal)
    const isLost = error instanceof Fenced || why === 'taken-over'
    if (!isLost) {
      if (why === 'handover') return 'handover'
      if (why === 'release') return 'shutdown'
      log.error({ err: error }, 'The run could not be executed; it is released.')
      return 'failed'
    }
    // After a takeover another worker uses the workspace; after a cancel this worker must remove it.
    if (!(await hasRunEnded(platform.db, run.id).catch(() => false))) return 'ended'
    await keepOutput(platform, run, sandbox)
  }
  await sandbox
    .remove()
    .catch((error: unknown) =>
      log.warn({ err: error }, 'The workspace could not be removed; the sweep removes it later.'),
    )
  return 'ended'
}

async function attemptRun(
  parts: ExecutionParts,
  about: { run: Run; sandbox: RunSandbox; turn: Turn },
): Promise<Ending> {
  const { run, turn } = about
  const { signal } = turn
  try {
    return (await endAfterInterruptions(parts.platform, run)) ?? (await prepareAndDrive(parts.platform, about))
  } catch (error) {
    if (whyStopped(signal) === 'timeout') {
      return {
        status: 'timeout',
        error: { code: 'timeout', message: `The run took longer than ${run.timeoutMs / 1000} s.` },
      }
    }
    // A database failure must not fail the run: another attempt continues it.
    if (error instanceof Fenced || signal.aborted || databaseFailureOf(error) !== undefined) throw error
    if (error instanceof ModelGone) return modelGone
    parts.platform.log.error({ err: error, runId: run.id }, 'Run failed with an internal error.')
    return failed(
      'internal-error',
      'The run failed with an internal error. The server log has the cause under the id of this run.',
    )
  }
}

// A run that crashes its workers must not do so forever. One that makes progress between interruptions may continue.
async function endAfterInterruptions({ db }: Pick<Platform, 'db'>, run: Run): Promise<Ending | undefined> {
  if (run.attempt <= runLimits.attemptsMax) return undefined
  const interruptions = await countFruitlessAttempts(db, run.id)
  if (interruptions < runLimits.attemptsMax) return undefined
  return failed(
    'too-many-attempts',
    `The run was interrupted ${interruptions} times without getting any further; it is not resumed again.`,
  )
}

const modelGone = failed('model-gone', 'The model of the run, or its provider key, was deleted.')

async function prepareAndDrive(
  platform: ExecutionParts['platform'],
  { run, sandbox, turn }: { run: Run; sandbox: RunSandbox; turn: Turn },
): Promise<Ending> {
  const version = await getPackageVersion(platform.db, run.organizationId, run.packageVersionId)
  const outputSchema = version.manifest.output?.schema
  const tools = toolsNamed(toolsOf(version.manifest), outputSchema)
  if (run.modelRowId === null) return modelGone
  const target = await getModelTarget(platform, run.organizationId, run.modelRowId)
  const opening = openingMessages({
    run,
    goal: version.prompt,
    toolNames: [...tools.keys()],
    hasSandboxTools: sandboxTools.some((tool) => tools.has(tool.name)),
    outputSchema,
    files: await loadInputs(platform, run),
  })
  const isFirst = run.attempt === 1
  const journal = isFirst ? [] : unsealJournal(run.seal, await loadJournal(platform.db, run.id))
  const size = isFirst ? { entries: 0, entryBytes: 0, logLines: 0 } : await measureJournal(platform.db, run.id)
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = run.usage
  const spent = { tokens: inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens, costUsd: run.costUsd }
  return driveRun({
    platform,
    run,
    target,
    limiter: platform.use(modelLimiters).of(target),
    tools,
    outputSchema,
    sandbox,
    transcript: rebuildTranscript(opening, journal),
    kept: { ...size, reportBytes: Buffer.byteLength(run.report ?? '') },
    signal: turn.signal,
    turn,
    spent,
  })
}

// The message names so many files; its data has the others.
const namedFilesMax = 20

// Files that cannot be kept do not fail the run: its log lists them. Throws failures of the database: another attempt
// keeps the files.
async function keepOutput({ log }: Pick<Platform, 'log'>, run: Run, sandbox: RunSandbox): Promise<readonly LogEntry[]> {
  try {
    const { lost, moreLost, isMore, isCut } = await sandbox.collectOutput()
    if (lost.length === 0 && !isMore && !isCut) return []
    const more = isMore ? [`there are more files than the ${outputFilesMax} that a run may keep`] : []
    const named = lost.slice(0, namedFilesMax).map(({ path, reason }) => `${path} ${reason}`)
    const unnamedCount = lost.length - named.length + moreLost
    const unnamed = unnamedCount > 0 ? [`${unnamedCount} further files`] : []
    const cut = isCut ? [`there are more than the ${outputEntriesMax} files and folders that are looked at`] : []
    const reasons = [...named, ...unnamed, ...more, ...cut]
    return [
      outputNotKept(`Not all output was kept: ${reasons.join('; ')}.`, { lost: [...lost], isMore: isMore || isCut }),
    ]
  } catch (error) {
    if (databaseFailureOf(error) !== undefined) throw error
    log.error({ err: error, runId: run.id }, 'The output files of the run could not be kept.')
    const message = 'The output files could not be kept. The server log has the cause under the id of this run.'
    return [outputNotKept(message, null)]
  }
}

function whyStopped(signal: AbortSignal): RunStopped['why'] | undefined {
  return signal.reason instanceof RunStopped ? signal.reason.why : undefined
}
