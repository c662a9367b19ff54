import { writeFile } from 'node:fs/promises'
import { hasEnded, listThreads, readProc, type ProcText } from './proc-files.ts'

// More than the mappings that the kernel allows a process take, unless it maps files with very long paths.
const mapsBytesMax = 8 * 1024 * 1024
// Inodes of these are all on the kernel's own file system for shared memory.
const sharedMapping =
  /^([\da-f]+)-([\da-f]+) \S+ ([\da-f]+) \S+ (\d+) +\/(?:dev\/zero|SYSV[\da-f]+|memfd:.*) \(deleted\)$/gm

/**
 * Memory that the processes hold, in bytes: anonymous, shared and swapped pages and their page tables. Shared memory
 * that has no name counts with its whole size, because no file tells how much of it is in use. Pages of files
 * on a disk are not counted. Processes that share memory by a fork count it once each.
 */
export async function measurePages(pids: readonly number[]): Promise<number> {
  let kibibytes = 0
  let shared = 0
  for (const pid of pids) {
    const status = await readMemoryStatus(pid)
    for (const [, amount] of status.matchAll(/^(?:RssAnon|VmSwap|VmPTE|HugetlbPages):\s+(\d+) kB$/gm))
      kibibytes += Number(amount)
    shared += Number(/^RssShmem:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
  }
  // What a program has unmapped for a moment is in neither amount of the status, but the kernel keeps it.
  return kibibytes * 1024 + Math.max(shared * 1024, await measureSharedMappings(pids))
}

async function measureSharedMappings(pids: readonly number[]): Promise<number> {
  const ends = new Map<string, number>()
  for (const pid of pids) {
    const { text, isCut } = await readMaps(pid)
    if (isCut) return Infinity
    for (const [, start = '', end = '', offset = '', inode = ''] of text.matchAll(sharedMapping)) {
      const size = Number.parseInt(offset, 16) + Number.parseInt(end, 16) - Number.parseInt(start, 16)
      ends.set(inode, Math.max(ends.get(inode) ?? 0, size))
    }
  }
  return [...ends.values()].reduce((sum, size) => sum + size, 0)
}

// All threads of a process have the same mappings, but one that has ended does not show them.
async function readMaps(pid: number): Promise<ProcText> {
  const first = await readProc(`${pid}/maps`, mapsBytesMax)
  if (first.text !== '') return first
  for (const thread of await listThreads(pid)) {
    const maps = await readProc(`${thread}/maps`, mapsBytesMax)
    if (maps.text !== '') return maps
  }
  return first
}

// All threads of a process have the same memory, but one that has ended does not show it.
async function readMemoryStatus(pid: number): Promise<string> {
  const { text: first } = await readProc(`${pid}/status`)
  if (!hasEnded(first)) return first
  for (const thread of await listThreads(pid)) {
    const { text: status } = await readProc(`${thread}/status`)
    if (!hasEnded(status)) return status
  }
  return ''
}

/** The time that the kernel has worked for the processes and for their ended children, in clock ticks. */
export async function measureSystemTime(pids: readonly number[]): Promise<number> {
  let ticks = 0
  for (const pid of pids) {
    const { text } = await readProc(`${pid}/stat`)
    // The second field is the program's name, which can contain blanks and brackets. Then 13 is stime, and 15 cstime.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[12] ?? 0) + Number(fields[14] ?? 0)
  }
  return ticks
}

/**
 * Makes the kernel prefer the processes to the server when it must end one. A program can undo what the launch has set
 * if the server is an ordinary user.
 */
export async function preferToEnd(pids: readonly number[]): Promise<void> {
  for (const pid of pids) await writeFile(`/proc/${pid}/oom_score_adj`, '500').catch(() => undefined)
}
