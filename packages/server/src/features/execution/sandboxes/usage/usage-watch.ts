import type { ExecResult, SandboxLimits } from '../sandbox.ts'
import { watchDisk } from './disk-watch.ts'
import { machineMemory, type MemoryReserve } from './memory-reserve.ts'
import { watchMemory } from './memory-watch.ts'
import type { WorkspaceUsage } from './workspace-usage.ts'

export interface UsageWatch {
  readonly workspaceDir: string
  readonly launcher: number
  readonly limits: SandboxLimits
  /** The usage when the execution started: cleaning up an overfull workspace must stay possible. */
  readonly before: WorkspaceUsage
  readonly memoryIsAccounted: boolean
  /** Whether a cgroup counts the buffers of sockets too. */
  readonly socketsAreAccounted: boolean
  /** Whether a system call filter keeps the threads of a process from having different open files. */
  readonly threadsShareFiles: boolean
  /** Whether a system call filter keeps programs from choosing the size of a socket's buffers. */
  readonly buffersAreFixed: boolean
  readonly signal: AbortSignal
}

/** Samples a running execution; resolves to the exceeded limit, or to `exited` once the signal aborts. */
export async function watchUsage(
  watch: UsageWatch,
  reserve: MemoryReserve = machineMemory,
): Promise<Exclude<ExecResult['reason'], 'timeout' | 'aborted'>> {
  const over = new AbortController()
  const signal = AbortSignal.any([watch.signal, over.signal])
  // Large workspaces are looked at rarely; memory is sampled beside that.
  let held = { memoryBytes: 0, kernelObjects: 0 }
  try {
    return await Promise.race([
      watchMemory(watch, { signal, reserve, heldFiles: () => held }),
      watchDisk(watch, {
        signal,
        onHeld: (found) => {
          held = found
        },
      }),
    ])
  } finally {
    over.abort()
  }
}
