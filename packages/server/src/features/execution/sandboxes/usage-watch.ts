import { stat } from 'node:fs/promises'
import { sleep } from '../../../platform/concurrency/sleep.ts'
import { findDescendants, measureMemory, measureUnlinked } from './process-tree.ts'
import type { SandboxLimits } from './sandbox.ts'
import { measureWorkspace, type WorkspaceUsage } from './workspace-usage.ts'

const intervalMs = 150
// A large workspace is measured less often, so that measuring takes at most a sixth of one core.
const restFactor = 5
export const filesMaxDefault = 100_000

export interface UsageWatch {
  readonly workspaceDir: string
  readonly launcher: number
  readonly limits: SandboxLimits
  /** The usage when the execution started: cleaning up an overfull workspace must stay possible. */
  readonly before: WorkspaceUsage
  readonly memoryIsAccounted: boolean
  readonly signal: AbortSignal
}

/** Samples a running execution; resolves to the exceeded limit, or to `exited` once the signal aborts. */
export async function watchUsage(watch: UsageWatch): Promise<'disk-limit' | 'memory-limit' | 'exited'> {
  const { dev } = await stat(watch.workspaceDir)
  let restMs = intervalMs
  for (;;) {
    await sleep(restMs, watch.signal).catch(() => undefined)
    if (watch.signal.aborted) return 'exited'
    const startedAt = performance.now()
    const pids = await findDescendants(watch.launcher)
    if (!watch.memoryIsAccounted && (await measureMemory(pids)) > watch.limits.memoryBytes) return 'memory-limit'
    if (await isOverDisk(watch, pids, dev)) return 'disk-limit'
    restMs = Math.max(intervalMs, restFactor * (performance.now() - startedAt))
  }
}

async function isOverDisk(watch: UsageWatch, pids: readonly number[], device: number): Promise<boolean> {
  const bytesMax = Math.max(watch.limits.diskBytes, watch.before.bytes)
  const filesMax = Math.max(watch.limits.filesMax ?? filesMaxDefault, watch.before.files)
  const usage = await measureWorkspace(watch.workspaceDir, filesMax)
  return usage.files > filesMax || usage.bytes + (await measureUnlinked(pids, device)) > bytesMax
}
