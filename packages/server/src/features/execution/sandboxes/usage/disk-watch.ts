import { stat, statfs } from 'node:fs/promises'
import { sleep } from '../../../../platform/concurrency/sleep.ts'
import { findDescendants } from '../process-tree.ts'
import { mapsDeviceOf } from '../view/mounts.ts'
import { inspectHeldFiles, type HeldFiles, type HeldFilesScope } from './held-files.ts'
import { workspaceLedger, type SpaceLedger } from './space-ledger.ts'
import type { UsageWatch } from './usage-watch.ts'
import { measureWorkspace } from './workspace-usage.ts'

const intervalMs = 150
// How often the free space of the file system is looked at, which costs almost nothing.
const glanceMs = 40
// A large workspace is measured less often, so that measuring takes at most a sixth of one core.
const restFactor = 5
// A step of the launch can be unreadable for a moment.
const hiddenLooksMax = 5
// A build deletes directories while they are counted, but not in every look.
const missedLooksMax = 4
// What other programs may write meanwhile before it is held against an execution that cannot be measured.
const othersBytesMax = 128 * 1024 * 1024
const lookMsMax = 2_000
const eventWatchesMax = 50_000
export const filesMaxDefault = 100_000

export type DiskExcess = 'disk-limit' | 'memory-limit' | 'hidden-process'

/** What the execution may still add, or what the file system has left. */
interface Space {
  readonly bytes: number
  readonly files: number
}

/** Looks at the files of an execution until one of its limits is exceeded, or the signal aborts. */
export async function watchDisk(
  watch: UsageWatch,
  { signal, onHeld }: { signal: AbortSignal; onHeld(held: HeldFiles): void },
): Promise<DiskExcess | 'exited'> {
  const look = new DiskLook(watch, await scopeOf(watch))
  let rest = { restMs: intervalMs, free: await look.start(), room: look.roomOf(watch.before) }
  try {
    for (;;) {
      await restUntilDue(watch.workspaceDir, rest, signal)
      if (signal.aborted) return 'exited'
      const startedAt = performance.now()
      const free = await freeSpace(watch.workspaceDir)
      const isOverrun = look.overrunCheck(rest.room, free)
      const seen = await untilOverrun(look.take(free), isOverrun, signal)
      if (typeof seen === 'string') return seen
      onHeld(seen.held)
      rest = { free, room: seen.room, restMs: Math.max(intervalMs, restFactor * (performance.now() - startedAt)) }
    }
  } finally {
    look.end()
  }
}

async function scopeOf({ workspaceDir, threadsShareFiles }: UsageWatch): Promise<HeldFilesScope> {
  const { dev } = await stat(workspaceDir)
  return { device: dev, mapsDevice: mapsDeviceOf(workspaceDir), threadsShareFiles }
}

class DiskLook {
  readonly #watch: UsageWatch
  readonly #scope: HeldFilesScope
  readonly #ledger: SpaceLedger
  #bytes: number
  #unlinkedBytes = 0
  #freeAtStart = 0
  #grownAtStart = 0
  #hiddenLooks = 0
  #missedLooks = 0

  constructor(watch: UsageWatch, scope: HeldFilesScope, ledger = workspaceLedger) {
    this.#watch = watch
    this.#scope = scope
    this.#ledger = ledger
    this.#bytes = watch.before.bytes
  }

  async start(): Promise<Space> {
    const free = await freeSpace(this.#watch.workspaceDir)
    this.#freeAtStart = free.bytes
    this.#grownAtStart = this.#ledger.grownBytes
    return free
  }

  /** The files without a name end with the execution. */
  end(): void {
    this.#ledger.add(-this.#unlinkedBytes)
  }

  roomOf(usage: Space): Space {
    const { limits, before } = this.#watch
    return {
      bytes: Math.max(limits.diskBytes, before.bytes) - usage.bytes,
      files: filesMaxOf(this.#watch) - usage.files,
    }
  }

  /** Measures once; resolves to the exceeded limit, or to what may still be added. */
  async take(free: Space): Promise<{ held: HeldFiles; room: Space } | DiskExcess> {
    const { launcher, workspaceDir } = this.#watch
    const held = await inspectHeldFiles(await findDescendants(launcher), this.#scope)
    this.#hiddenLooks = held.isHidden ? this.#hiddenLooks + 1 : 0
    if (this.#hiddenLooks >= hiddenLooksMax) return 'hidden-process'
    if (held.eventWatches > eventWatchesMax) return 'memory-limit'
    const named = await measureWorkspace(workspaceDir, filesMaxOf(this.#watch))
    this.#missedLooks = named.missed > 0 ? this.#missedLooks + 1 : 0
    const usage = { files: named.files, bytes: named.bytes + held.unlinkedBytes }
    this.#ledger.add(usage.bytes - this.#bytes)
    this.#bytes = usage.bytes
    this.#unlinkedBytes = held.unlinkedBytes
    const room = this.roomOf(usage)
    if (room.files < 0 || room.bytes < 0) return 'disk-limit'
    const isUncertain = held.unmeasured > 0 || this.#missedLooks >= missedLooksMax
    if (isUncertain && this.#unexplainedBytes(free) > room.bytes + othersBytesMax) return 'disk-limit'
    return { held, room }
  }

  /** Returns a check of whether the file system has lost more since now than the execution may add. */
  overrunCheck(room: Space, free: Space): () => Promise<boolean> {
    const grown = this.#ledger.grownBytes
    return async () => {
      const now = await freeSpace(this.#watch.workspaceDir)
      const unexplained = free.bytes - now.bytes - (this.#ledger.grownBytes - grown)
      return unexplained > Math.max(0, room.bytes) + othersBytesMax
    }
  }

  // What the file system has lost during this execution beside the measured growth of all executions.
  #unexplainedBytes(free: Space): number {
    return this.#freeAtStart - free.bytes - (this.#ledger.grownBytes - this.#grownAtStart)
  }
}

// A program can make the look slow by many open files. It must not fill the disk meanwhile.
async function untilOverrun<T>(
  look: Promise<T>,
  isOverrun: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<T | 'disk-limit'> {
  const over = new AbortController()
  try {
    return await Promise.race([look, overrun(isOverrun, AbortSignal.any([over.signal, signal]))])
  } finally {
    over.abort()
  }
}

async function overrun(isOverrun: () => Promise<boolean>, signal: AbortSignal): Promise<'disk-limit'> {
  await sleepOrAbort(lookMsMax, signal)
  while (!signal.aborted) {
    if (await isOverrun()) return 'disk-limit'
    await sleepOrAbort(glanceMs, signal)
  }
  return new Promise<never>(() => undefined)
}

// Ends early when the file system has lost as much as the execution may still add, whoever took it.
async function restUntilDue(
  dir: string,
  { restMs, free, room }: { restMs: number; free: Space; room: Space },
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + restMs
  do {
    await sleepOrAbort(Math.min(glanceMs, restMs), signal)
    if (signal.aborted) return
    const now = await freeSpace(dir)
    if (free.files - now.files > room.files || free.bytes - now.bytes > room.bytes) return
  } while (performance.now() < deadline)
}

function filesMaxOf({ limits, before }: UsageWatch): number {
  return Math.max(limits.filesMax ?? filesMaxDefault, before.files)
}

async function freeSpace(dir: string): Promise<Space> {
  const { bsize, bfree, ffree } = await statfs(dir)
  return { bytes: bsize * bfree, files: ffree }
}

function sleepOrAbort(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, signal).catch(() => undefined)
}
