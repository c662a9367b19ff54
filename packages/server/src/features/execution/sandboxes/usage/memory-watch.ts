import { sleep } from '../../../../platform/concurrency/sleep.ts'
import { findDescendants } from '../process-tree.ts'
import type { HeldFiles } from './held-files.ts'
import type { MemoryReserve, MemoryUser } from './memory-reserve.ts'
import { measurePages, measureSystemTime, preferToEnd } from './memory-use.ts'
import { measureSockets } from './socket-memory.ts'
import { measureTemporaryFiles } from './temporary-files.ts'
import type { UsageWatch } from './usage-watch.ts'

const intervalMs = 150
const glanceMs = 40
const restFactor = 5
const kernelObjectBytes = 200

export interface MemoryWatchInput {
  readonly signal: AbortSignal
  readonly reserve: MemoryReserve
  /** What the last look at the open files has found. */
  heldFiles(): Pick<HeldFiles, 'memoryBytes' | 'kernelObjects'>
}

/** Samples the memory of an execution until it is too much or must be freed, or the signal aborts. */
export async function watchMemory(watch: UsageWatch, input: MemoryWatchInput): Promise<'memory-limit' | 'exited'> {
  const { signal, reserve } = input
  const user: MemoryUser = {
    measure: async () => {
      const pids = await findDescendants(watch.launcher)
      return { bytes: await measureAll(watch, pids, input), systemTicks: await measureSystemTime(pids) }
    },
  }
  const leave = reserve.enter(user)
  try {
    let restMs = intervalMs
    for (;;) {
      if (await mustEndWithin(restMs, () => reserve.mustEnd(user), signal)) return 'memory-limit'
      if (signal.aborted) return 'exited'
      if (watch.memoryIsAccounted && watch.socketsAreAccounted) continue
      const startedAt = performance.now()
      const pids = await findDescendants(watch.launcher)
      const bytes = watch.memoryIsAccounted ? await measureSockets(pids, watch) : await measureAll(watch, pids, input)
      if (bytes > watch.limits.memoryBytes) return 'memory-limit'
      if (!watch.memoryIsAccounted) await preferToEnd(pids)
      restMs = Math.max(intervalMs, restFactor * (performance.now() - startedAt))
    }
  } finally {
    leave()
  }
}

async function measureAll(watch: UsageWatch, pids: readonly number[], input: MemoryWatchInput): Promise<number> {
  const { memoryBytes, kernelObjects } = input.heldFiles()
  const [pages, sockets, names] = await Promise.all([
    measurePages(pids),
    measureSockets(pids, watch),
    measureTemporaryFiles(pids),
  ])
  return pages + sockets + names + memoryBytes + kernelObjects * kernelObjectBytes
}

async function mustEndWithin(restMs: number, mustEnd: () => Promise<boolean>, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + restMs
  do {
    await sleep(Math.min(glanceMs, restMs), signal).catch(() => undefined)
    if (signal.aborted) return false
    if (await mustEnd()) return true
  } while (performance.now() < deadline)
  return false
}
