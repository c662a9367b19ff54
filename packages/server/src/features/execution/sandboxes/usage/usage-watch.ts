import { readFile, stat, statfs } from 'node:fs/promises'
import { sleep } from '../../../platform/concurrency/sleep.ts'
import { machineMemory, type MemoryReserve, type MemoryUser } from './memory-reserve.ts'
import { findDescendants, inspectOpenFiles, measureMemory } from './process-tree.ts'
import type { SandboxLimits } from './sandbox.ts'
import { measureWorkspace, type WorkspaceUsage } from './workspace-usage.ts'

const intervalMs = 150
// How often the free space of the file system is looked at, which costs almost nothing.
const glanceMs = 40
// A large workspace is measured less often, so that measuring takes at most a sixth of one core.
const restFactor = 5
const socketBytesDefault = 212_992
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
export async function watchUsage(
  watch: UsageWatch,
  memory: MemoryReserve = machineMemory,
): Promise<'disk-limit' | 'memory-limit' | 'exited'> {
  const { dev } = await stat(watch.workspaceDir)
  const sample = () => sampleProcesses(watch.launcher, dev)
  const user: MemoryUser = { measure: async () => (await sample()).memoryBytes }
  const leave = memory.enter(user)
  try {
    let room = roomOf(watch, watch.before)
    let [restMs, free] = [intervalMs, await freeSpace(watch.workspaceDir)]
    for (;;) {
      if (await restUntilDue(watch, { restMs, free, room, mustEnd: () => memory.mustEnd(user) })) return 'memory-limit'
      if (watch.signal.aborted) return 'exited'
      const startedAt = performance.now()
      free = await freeSpace(watch.workspaceDir)
      const { memoryBytes, unlinkedBytes } = await sample()
      if (!watch.memoryIsAccounted && memoryBytes > watch.limits.memoryBytes) return 'memory-limit'
      room = await findRoom(watch, unlinkedBytes)
      if (room.files < 0 || room.bytes < 0) return 'disk-limit'
      restMs = Math.max(intervalMs, restFactor * (performance.now() - startedAt))
    }
  } finally {
    leave()
  }
}

async function sampleProcesses(
  launcher: number,
  device: number,
): Promise<{ memoryBytes: number; unlinkedBytes: number }> {
  const pids = await findDescendants(launcher)
  const { unlinkedBytes, sockets } = await inspectOpenFiles(pids, device)
  return { memoryBytes: (await measureMemory(pids)) + sockets * (await socketBytesMax()), unlinkedBytes }
}

// No file of /proc tells what lies in the buffers of a socket. The kernel doubles the size that a program asks for.
async function socketBytesMax(): Promise<number> {
  const text = await readFile('/proc/sys/net/core/wmem_max', 'utf8').catch(() => '')
  return 2 * (Number.parseInt(text, 10) || socketBytesDefault)
}

/** What the execution may still add, or what the file system has left. */
interface Space {
  readonly bytes: number
  readonly files: number
}

async function findRoom(watch: UsageWatch, unlinkedBytes: number): Promise<Space> {
  const usage = await measureWorkspace(watch.workspaceDir, filesMaxOf(watch))
  return roomOf(watch, { files: usage.files, bytes: usage.bytes + unlinkedBytes })
}

function roomOf(watch: UsageWatch, usage: WorkspaceUsage): Space {
  const bytesMax = Math.max(watch.limits.diskBytes, watch.before.bytes)
  return { bytes: bytesMax - usage.bytes, files: filesMaxOf(watch) - usage.files }
}

function filesMaxOf({ limits, before }: UsageWatch): number {
  return Math.max(limits.filesMax ?? filesMaxDefault, before.files)
}

interface Rest {
  readonly restMs: number
  readonly free: Space
  readonly room: Space
  readonly mustEnd: () => Promise<boolean>
}

// Ends early when the file system has lost as much as the execution may still add, whoever took it. Returns whether the
// execution must end at once.
async function restUntilDue(
  { workspaceDir, signal }: UsageWatch,
  { restMs, free, room, mustEnd }: Rest,
): Promise<boolean> {
  const deadline = performance.now() + restMs
  do {
    await sleep(Math.min(glanceMs, restMs), signal).catch(() => undefined)
    if (signal.aborted) return false
    if (await mustEnd()) return true
    const now = await freeSpace(workspaceDir)
    if (free.files - now.files > room.files || free.bytes - now.bytes > room.bytes) return false
  } while (performance.now() < deadline)
  return false
}

async function freeSpace(dir: string): Promise<Space> {
  const { bsize, bfree, ffree } = await statfs(dir)
  return { bytes: bsize * bfree, files: ffree }
}
