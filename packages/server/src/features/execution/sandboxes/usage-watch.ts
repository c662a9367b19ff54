import { stat, statfs } from 'node:fs/promises'
import { sleep } from '../../../platform/concurrency/sleep.ts'
import { findDescendants, measureMemory, measureUnlinked } from './process-tree.ts'
import type { SandboxLimits } from './sandbox.ts'
import { measureWorkspace, type WorkspaceUsage } from './workspace-usage.ts'

const intervalMs = 150
// How often the free space of the file system is looked at, which costs almost nothing.
const glanceMs = 40
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
  let room = roomOf(watch, watch.before)
  let [restMs, free] = [intervalMs, await freeSpace(watch.workspaceDir)]
  for (;;) {
    await restUntilDue(watch, { restMs, free, room })
    if (watch.signal.aborted) return 'exited'
    const startedAt = performance.now()
    free = await freeSpace(watch.workspaceDir)
    const pids = await findDescendants(watch.launcher)
    if (!watch.memoryIsAccounted && (await measureMemory(pids)) > watch.limits.memoryBytes) return 'memory-limit'
    room = await findRoom(watch, pids, dev)
    if (room.files < 0 || room.bytes < 0) return 'disk-limit'
    restMs = Math.max(intervalMs, restFactor * (performance.now() - startedAt))
  }
}

/** What the execution may still add, or what the file system has left. */
interface Space {
  readonly bytes: number
  readonly files: number
}

async function findRoom(watch: UsageWatch, pids: readonly number[], device: number): Promise<Space> {
  const usage = await measureWorkspace(watch.workspaceDir, filesMaxOf(watch))
  return roomOf(watch, { files: usage.files, bytes: usage.bytes + (await measureUnlinked(pids, device)) })
}

function roomOf(watch: UsageWatch, usage: WorkspaceUsage): Space {
  const bytesMax = Math.max(watch.limits.diskBytes, watch.before.bytes)
  return { bytes: bytesMax - usage.bytes, files: filesMaxOf(watch) - usage.files }
}

function filesMaxOf({ limits, before }: UsageWatch): number {
  return Math.max(limits.filesMax ?? filesMaxDefault, before.files)
}

// Ends early when the file system has lost as much as the execution may still add, whoever took it.
async function restUntilDue(
  { workspaceDir, signal }: UsageWatch,
  { restMs, free, room }: { restMs: number; free: Space; room: Space },
): Promise<void> {
  const deadline = performance.now() + restMs
  do {
    await sleep(Math.min(glanceMs, restMs), signal).catch(() => undefined)
    const now = await freeSpace(workspaceDir)
    if (free.files - now.files > room.files || free.bytes - now.bytes > room.bytes) return
  } while (!signal.aborted && performance.now() < deadline)
}

async function freeSpace(dir: string): Promise<Space> {
  const { bsize, bfree, ffree } = await statfs(dir)
  return { bytes: bsize * bfree, files: ffree }
}
