import { writeFile } from 'node:fs/promises'
import { hasEnded, listThreads, readProc } from './proc-files.ts'

/**
 * Memory that the processes hold, in bytes: anonymous, shared and swapped pages and their page tables. Pages of files
 * on a disk are not counted. Processes that share memory by a fork count it once each.
 */
export async function measurePages(pids: readonly number[]): Promise<number> {
  let kibibytes = 0
  for (const pid of pids) {
    const status = await readMemoryStatus(pid)
    for (const [, amount] of status.matchAll(/^(?:RssAnon|RssShmem|VmSwap|VmPTE|HugetlbPages):\s+(\d+) kB$/gm))
      kibibytes += Number(amount)
  }
  return kibibytes * 1024
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
