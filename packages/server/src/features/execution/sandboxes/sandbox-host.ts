import { existsSync } from 'node:fs'
import { lchown, lstat, readFile } from 'node:fs/promises'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import type { CgroupHost } from './cgroups.ts'
import type { PipePool } from './pipe-pool.ts'
import { SandboxError } from './sandbox.ts'
import type { Cover } from './view/covers.ts'
import type { HiddenPlace } from './view/hidden-places.ts'
import { describeView, type SystemView } from './view/system-view.ts'

/** The properties of the host that both drivers need. */
export interface SandboxHost {
  /** Uids to drop to when the server is root; undefined when it is an ordinary user. */
  readonly uids: UidRange | undefined
  readonly cgroups: CgroupHost | undefined
  readonly pipes: PipePool
  /** Before Linux 5.14 the kernel counts all processes of a uid, including those outside the sandbox. */
  readonly countsProcessesPerNamespace: boolean
  /** What a sandbox must not show, wherever it lies. */
  readonly hidden: readonly HiddenPlace[]
  /** The entries of /proc that a sandbox must not show. */
  readonly procMasks: readonly Cover[]
}

export interface UidRange {
  readonly first: number
  readonly count: number
}

// Both are unassigned in the uid tables of systemd and Debian, and outside the usual subuid ranges.
const uidRanges: readonly UidRange[] = [
  { first: 1_879_048_192, count: 268_435_456 },
  { first: 60_578, count: 606 },
]

/** What a sandbox sees of the host's files at this moment. */
export function viewOf({ hidden, uids }: SandboxHost): SystemView {
  return describeView({ hidden: hidden.map(({ path }) => path), dropsUser: uids !== undefined })
}

const programDirs = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin']

/** The absolute path of a program in the system's own directories, or undefined. */
export function findProgram(name: string): string | undefined {
  return programDirs.map((dir) => join(dir, name)).find((path) => existsSync(path))
}

/** The path of a program. Throws SandboxError with its name when it is not installed. */
export function getProgram(name: string): string {
  const path = findProgram(name)
  if (path === undefined) throw new SandboxError(`the program ${name} is not installed`)
  return path
}

/** The first range of unassigned uids that exists in the server's user namespace. Throws SandboxError without one. */
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

/** Makes one uid the permanent owner of the workspace, and returns that uid. The caller is root. */
export async function assignWorkspaceUid(workspaceDir: string, range: UidRange): Promise<number> {
  const { uid: owner } = await lstat(workspaceDir)
  const isInRange = owner >= range.first && owner < range.first + range.count
  const uid = isInRange ? owner : range.first + randomInt(range.count)
  for (const path of [workspaceDir, join(workspaceDir, 'output')]) {
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isDirectory() === true && stats.uid !== uid) await lchown(path, uid, uid)
  }
  return uid
}
