import type { Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { hasEnded, listThreads, readProc } from './proc-files.ts'

/** What the processes of a sandbox hold beside the files that have a name. */
export interface HeldFiles {
  /** Bytes on the workspace's file system of files that are deleted but still open or mapped. */
  readonly unlinkedBytes: number
  /** Memory of deleted files elsewhere, for example in /dev/shm. */
  readonly memoryBytes: number
  /** How many files the processes hold whose size cannot be read: mapped, or on their way through a socket. */
  readonly unmeasured: number
  /** Locks, watches and mappings: each takes some 200 bytes of the kernel's memory. */
  readonly kernelObjects: number
  /** Of these, those that wait for events of files. The kernel limits them per user. */
  readonly eventWatches: number
  /** Whether a process kept its open files from being looked at. */
  readonly isHidden: boolean
}

export interface HeldFilesScope {
  /** The device of the workspace, as stat(2) gives it. */
  readonly device: number
  /** The same device, as /proc/…/maps writes it, for example `fe:00`. */
  readonly mapsDevice: string | undefined
  /** Whether all threads of a process have the same open files. */
  readonly threadsShareFiles: boolean
}

// The kernel's default for the mappings of a process.
const mappingsMax = 65_530
// More than the watches that are allowed take.
const descriptionBytesMax = 8 * 1024 * 1024
const deletedMapping = /^([\da-f]+-[\da-f]+) \S+ [\da-f]+ (\S+) (\d+) .* \(deleted\)$/gm

interface Findings {
  readonly unlinked: Map<number, number>
  readonly inMemory: Map<string, number>
  readonly unsized: Set<number>
  readonly sockets: Set<number>
  inFlight: number
  kernelObjects: number
  eventWatches: number
  isHidden: boolean
}

/** Looks at the open and mapped files of the processes, in all of their threads. */
export async function inspectHeldFiles(pids: readonly number[], scope: HeldFilesScope): Promise<HeldFiles> {
  const found: Findings = {
    unlinked: new Map(),
    inMemory: new Map(),
    unsized: new Set(),
    sockets: new Set(),
    inFlight: 0,
    kernelObjects: 0,
    eventWatches: 0,
    isHidden: false,
  }
  for (const pid of pids) await inspectProcess(found, pid, scope)
  const unsized = [...found.unsized].filter((inode) => !found.unlinked.has(inode))
  return {
    unlinkedBytes: sum(found.unlinked.values()),
    memoryBytes: sum(found.inMemory.values()),
    unmeasured: unsized.length + found.inFlight,
    kernelObjects: found.kernelObjects,
    eventWatches: found.eventWatches,
    isHidden: found.isHidden,
  }
}

async function inspectProcess(found: Findings, pid: number, scope: HeldFilesScope): Promise<void> {
  let hasMaps = false
  for (const thread of await listThreads(pid)) {
    const numbers = await readdir(`/proc/${thread}/fd`).catch(() => undefined)
    for (const number of numbers ?? []) await inspectDescriptor(found, { thread, number, scope })
    if (numbers === undefined || numbers.length === 0) {
      const { text: status } = await readProc(`${thread}/status`)
      if (hasEnded(status)) continue
      if (numbers === undefined && !isFirstProcess(status)) found.isHidden = true
    }
    if (!hasMaps) await inspectMemory(found, thread, scope)
    hasMaps = true
    if (scope.threadsShareFiles) return
  }
}

// The first process of a namespace is a step of the launch or the sandbox's own shell, whose files are known.
function isFirstProcess(status: string): boolean {
  return /^NSpid:.*\t1$/m.test(status)
}

async function inspectDescriptor(
  found: Findings,
  { thread, number, scope }: { thread: string; number: string; scope: HeldFilesScope },
): Promise<void> {
  const file = await stat(`/proc/${thread}/fd/${number}`).catch(() => undefined)
  if (file === undefined) return
  recordUnlinked(found, file, scope)
  if (file.isFIFO() || file.isCharacterDevice() || file.isDirectory()) return
  if (file.isSocket() && found.sockets.has(file.ino)) return
  const { text: info, isCut } = await readProc(`${thread}/fdinfo/${number}`, descriptionBytesMax)
  if (file.isSocket()) {
    found.sockets.add(file.ino)
    found.inFlight += Number(/^scm_fds:\s+(\d+)$/m.exec(info)?.[1] ?? 0)
  } else {
    const watches = countLines(info, /^(?:tfd:|inotify wd:)/gm)
    found.eventWatches += watches
    found.kernelObjects += isCut ? Infinity : watches + countLines(info, /^lock:/gm)
  }
}

function recordUnlinked(found: Findings, file: Stats, { device }: HeldFilesScope): void {
  if (file.nlink > 0 || !(file.isFile() || file.isDirectory())) return
  if (file.dev === device) found.unlinked.set(file.ino, file.blocks * 512)
  else found.inMemory.set(`${file.dev}:${file.ino}`, file.blocks * 512)
}

async function inspectMemory(found: Findings, thread: string, scope: HeldFilesScope): Promise<void> {
  const program = await stat(`/proc/${thread}/exe`).catch(() => undefined)
  if (program !== undefined) recordUnlinked(found, program, scope)
  const { text: maps, isCut } = await readProc(`${thread}/maps`)
  // Deleted files could hide behind the mappings that were not read.
  if (isCut) found.unsized.add(-pidOf(thread))
  found.kernelObjects += isCut ? mappingsMax : countLines(maps, /\n/g)
  for (const [, range = '', device, inode = ''] of maps.matchAll(deletedMapping)) {
    if (device !== scope.mapsDevice || found.unsized.has(Number(inode))) continue
    // Only root may follow this link.
    const file = await stat(`/proc/${pidOf(thread)}/map_files/${range}`).catch(() => undefined)
    if (file === undefined) found.unsized.add(Number(inode))
    else recordUnlinked(found, file, scope)
  }
}

function pidOf(thread: string): number {
  return Number.parseInt(thread, 10)
}

function countLines(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0)
}
