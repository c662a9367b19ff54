import { join } from 'node:path'
import { BlobTooLarge } from '../../../platform/blobs/blob-directory.ts'
import type { Platform } from '../../../platform/platform.ts'
import { addRunFile, readContent } from '../files/index.ts'
import type { Run } from '../runs/index.ts'
import {
  createWorkspace,
  WorkspacePathError,
  type Sandbox,
  type SandboxDetection,
  type Workspace,
} from '../sandboxes/index.ts'
import { loadInputs } from './run-inputs.ts'
import type { FairSemaphore } from '../../../platform/concurrency/fair-semaphore.ts'

/** Output files that a run may keep. */
export const outputFilesMax = 200

const sandboxLimits = {
  memoryBytes: 1_073_741_824,
  processesMax: 256,
  diskBytes: 1_073_741_824,
  cpuSeconds: 600,
} as const

export interface OpenSandbox {
  readonly sandbox: Sandbox
  /** Runs a tool once the process has room for another sandbox. */
  exclusively<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

/** The result of keeping the files in /workspace/output. */
export interface CollectedOutput {
  /** The files that can never be kept, with the reason. */
  readonly lost: readonly { readonly path: string; readonly reason: string }[]
  /** Whether there were more files than a run may keep. */
  readonly isMore: boolean
}

/** The sandbox of one run, provisioned when a tool first needs it. */
export interface RunSandbox {
  /** Opens the sandbox, or gives the reason why its tools are refused. */
  open(signal: AbortSignal): Promise<OpenSandbox | { readonly refused: string }>
  /** Keeps the files in /workspace/output as the run's files. A file that cannot be kept does not affect the others. */
  collectOutput(): Promise<CollectedOutput>
  /** Removes the workspace. */
  remove(): Promise<void>
}

export interface SandboxParts {
  readonly platform: Pick<Platform, 'db' | 'blobs' | 'config' | 'use'>
  readonly detection: SandboxDetection
  /** The places for sandboxes in this process, shared fairly between organizations. */
  readonly places: FairSemaphore
}

export function workspaceRoot({ config }: Pick<Platform, 'config'>): string {
  return join(config.DATA_DIR, 'workspaces')
}

export function createRunSandbox(parts: SandboxParts, run: Run): RunSandbox {
  const { platform, detection, places } = parts
  let opening: Promise<OpenSandbox> | undefined
  let workspace: Workspace | undefined
  const provision = async (
    driver: Extract<SandboxDetection, { available: true }>['driver'],
    abort: AbortSignal,
  ): Promise<OpenSandbox> => {
    workspace = await createWorkspace(workspaceRoot(platform), run.id)
    for (const file of await loadInputs(platform, run)) {
      abort.throwIfAborted()
      await workspace.putInput(file.name, await readContent(platform, file))
    }
    const sandbox = await driver.open({ workspaceDir: workspace.dir, limits: sandboxLimits })
    return { sandbox, exclusively: (signal, work) => places.run(run.organizationId, work, signal) }
  }
  return {
    async open(signal) {
      if (!detection.available) return { refused: `The sandbox is not available on this server: ${detection.reason}` }
      signal.throwIfAborted()
      opening ??= provision(detection.driver, signal)
      return opening
    },
    async collectOutput() {
      // An earlier attempt may have left output although this one used no sandbox tool.
      const source = workspace ?? (run.attempt > 1 ? await createWorkspace(workspaceRoot(platform), run.id) : undefined)
      workspace = source
      if (source === undefined) return { lost: [], isMore: false }
      const files = await source.listOutput()
      const lost = []
      for (const { path } of files.slice(0, outputFilesMax)) {
        const reason = await keepFile(platform, { run, source, path })
        if (reason !== undefined) lost.push({ path, reason })
      }
      return { lost, isMore: files.length > outputFilesMax }
    },
    async remove() {
      await opening?.catch(() => undefined)
      await workspace?.remove()
    },
  }
}

/** Keeps one output file; returns the reason when it can never be kept. */
async function keepFile(
  platform: SandboxParts['platform'],
  { run, source, path }: { run: Run; source: Workspace; path: string },
): Promise<string | undefined> {
  try {
    await addRunFile(platform, { ...run, runId: run.id }, { path, content: await source.openOutput(path) })
    return undefined
  } catch (error) {
    if (error instanceof BlobTooLarge) return `is larger than ${error.bytesMax} bytes`
    if (error instanceof WorkspacePathError) return 'is not a plain file'
    throw error
  }
}
