import { existsSync } from 'node:fs'
import { lchown, lstat, readFile } from 'node:fs/promises'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import type { CgroupHost } from './cgroups.ts'
import type { PipePool } from './pipe-pool.ts'
import { SandboxError } from './sandbox.ts'

/** What both drivers need to know of this machine. */
export interface SandboxHost {
  /** Uids to drop to when the server is root; undefined when it is an ordinary user. */
  readonly uids: UidRange | undefined
  readonly cgroups: CgroupHost | undefined
  readonly pipes: PipePool
  /** Before Linux 5.14 the kernel counts all processes of a uid, also those outside the sandbox. */
  readonly countsProcessesPerNamespace: boolean
}

export interface UidRange {
  first: number
  count: number
}

// Both unassigned in systemd's table of uids, Debian's and the usual subuid ranges.
const uidRanges: readonly UidRange[] = [
  { first: 1_879_048_192, count: 268_435_456 },
  { first: 60_578, count: 606 },
]

const programDirs = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin']

/** The absolute path of a program in the system's own directories, or undefined. */
export function findProgram(name: string): string | undefined {
  return programDirs.map((dir) => join(dir, name)).find((path) => existsSync(path))
}

/** Throws SandboxError that names what is missing. */
export function getProgram(name: string): string {
  const path = findProgram(name)
  if (path === undefined) throw new SandboxError(`the program ${name} is not installed`)
  return path
}

/** The first range of unassigned uids that exists in our user namespace; throws SandboxError without one. */
export async function chooseUidRange(): Promise<UidRange> {
  const map = await readFile('/proc/self/uid_map', 'utf8')
  const mapped = map
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const range = uidRanges.find((wanted) =>
    mapped.some(([first = 0, , count = 0]) => first <= wanted.first && wanted.first + wanted.count <= first + count),
  )
  if (range === undefined)
    throw new SandboxError('the server is root in a container that has no other user ids to drop to')
  return range
}

/** Gives the workspace to the uid that will own it for good, and returns that uid. The caller is root. */
export async function claimWorkspace(workspaceDir: string, range: UidRange): Promise<number> {
  const { uid: owner } = await lstat(workspaceDir)
  const isOurs = owner >= range.first && owner < range.first + range.count
  const uid = isOurs ? owner : range.first + randomInt(range.count)
  for (const path of [workspaceDir, join(workspaceDir, 'output')]) {
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isDirectory() === true && stats.uid !== uid) await lchown(path, uid, uid)
  }
  return uid
}
