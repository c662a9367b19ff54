import { join } from 'node:path'
import type { Platform } from '../../../platform/platform.ts'
import type { Run } from '../runs/index.ts'
import {
  createWorkspace,
  runDiskBytesMax,
  type Sandbox,
  type SandboxDetection,
  type Workspace,
} from '../sandboxes/index.ts'
import { keepOutput, type CollectedOutput } from './keep-output.ts'
import { loadInputs, placeInputs, whyTooLarge } from './run-inputs.ts'
import type { FairSemaphore } from '../../../platform/concurrency/fair-semaphore.ts'

const sandboxLimits = {
  memoryBytes: 1_073_741_824,
  processesMax: 256,
  cpuSeconds: 600,
} as const

export interface OpenSandbox {
  readonly sandbox: Sandbox
  /** Runs a tool once the process has room for another sandbox. */
  exclusively<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

type Opened = OpenSandbox | { readonly refused: string }

/** The sandbox of one run, provisioned when a tool first needs it. */
export interface RunSandbox {
  /** Opens the sandbox, or gives the reason why its tools are refused. */
  open(signal: AbortSignal): Promise<Opened>
  /** Keeps the files in /workspace/output as the run's files. A file that cannot be kept does not affect the others. */
  collectOutput(): Promise<CollectedOutput>
  /** Removes the workspace. */
  remove(): Promise<void>
}

export interface SandboxParts {
  readonly platform: Pick<Platform, 'db' | 'blobs' | 'config' | 'hooks' | 'use'>
  readonly detection: SandboxDetection
  /** The places for sandboxes in this process, shared fairly between organizations. */
  readonly places: FairSemaphore
}

export function workspaceRoot({ config }: Pick<Platform, 'config'>): string {
  return join(config.DATA_DIR, 'workspaces')
}

export function createRunSandbox(parts: SandboxParts, run: Run): RunSandbox {
  const { platform, detection, places } = parts
  let opening: Promise<Opened> | undefined
  let workspace: Workspace | undefined
  const provision = async (
    driver: Extract<SandboxDetection, { available: true }>['driver'],
    abort: AbortSignal,
  ): Promise<Opened> => {
    const inputs = await loadInputs(platform, run)
    const refused = whyTooLarge(platform, inputs)
    if (refused !== undefined) return { refused }
    workspace = await createWorkspace(workspaceRoot(platform), run.id)
    const copiedBytes = await placeInputs(platform, { workspace, inputs, abort })
    const limits = { ...sandboxLimits, diskBytes: runDiskBytesMax(platform.config) - copiedBytes }
    const sandbox = await driver.open({ workspaceDir: workspace.dir, limits })
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
      if (source === undefined) return { lost: [], moreLost: 0, isMore: false, isCut: false }
      return keepOutput(platform, { run, source })
    },
    async remove() {
      await opening?.catch(() => undefined)
      await workspace?.remove()
    },
  }
}
