import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { findDescendants } from './process-tree.ts'
import { SandboxError, type SandboxLimits } from './sandbox.ts'

const run = promisify(execFile)
// The server's own processes around the agent's first one: launcher, init, bubblewrap, shells.
const ownProcesses = 8
const ownMemoryBytes = 16 * 1024 * 1024

/** The parent directories, one per hierarchy, in which the group of an execution is created. */
export interface CgroupHost {
  readonly version: 'v1' | 'v2'
  readonly parents: readonly string[]
}

/** The groups of one execution. */
export interface CgroupLease {
  /** Files into which a process writes 0 to join. */
  readonly procsFiles: readonly string[]
  /** Number of processes that the kernel killed because memory ran out. */
  countOomKills(): Promise<number>
  release(): Promise<void>
}

interface Hierarchy {
  readonly controllers: string[]
  readonly mountPoint: string
  readonly mountRoot: string
  readonly isV2: boolean
}

/** The hierarchies that enforce memory and process limits, verified with a child process; undefined without any. */
export async function openCgroups(): Promise<CgroupHost | undefined> {
  const mountinfo = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  const membership = await readFile('/proc/self/cgroup', 'utf8').catch(() => '')
  for (const candidate of findCandidates(mountinfo, membership)) {
    await removeStale(candidate.host).catch(() => undefined)
    if (await works(candidate)) return candidate.host
  }
  return undefined
}

interface Candidate {
  readonly host: CgroupHost
  /** Whether the processes of the group may be moved into a child of it first. */
  readonly mayMove: boolean
}

/** Whether the groups count the buffers of all sockets as memory; v1 counts those of TCP apart, and no others. */
export function countsSockets(host: CgroupHost | undefined): boolean {
  return host?.version === 'v2'
}

let created = 0

/** Creates the groups of one execution and sets its limits. */
export async function leaseCgroups(host: CgroupHost, limits: SandboxLimits): Promise<CgroupLease> {
  created += 1
  const name = `appstrate-${process.pid}-${created}`
  const dirs = host.parents.map((parent) => join(parent, name))
  try {
    await Promise.all(dirs.map((dir) => mkdir(dir)))
    await Promise.all(dirs.map((dir) => writeLimits(dir, host.version, limits)))
  } catch (error) {
    await Promise.all(dirs.map(removeGroup))
    throw new SandboxError('the limits of the sandbox could not be set', { cause: error })
  }
  return {
    procsFiles: dirs.map((dir) => join(dir, 'cgroup.procs')),
    countOomKills: () => countOomKills(dirs),
    release: async () => void (await Promise.all(dirs.map(removeGroup))),
  }
}

/** The places for the groups of executions, the least intrusive one first. The arguments are files of /proc/self. */
export function findCandidates(mountinfo: string, membership: string): Candidate[] {
  const hierarchies = parseHierarchies(mountinfo)
  const v1 = ['memory', 'pids', 'cpu'].map((controller) =>
    hierarchies.find((h) => !h.isV2 && h.controllers.includes(controller)),
  )
  const [memory, pids] = v1
  if (memory !== undefined && pids !== undefined) {
    const parents = [...new Set(v1.flatMap((h) => (h === undefined ? [] : [ownGroup(h, membership)])))]
    return [{ host: { version: 'v1', parents }, mayMove: false }]
  }
  const unified = hierarchies.find((hierarchy) => hierarchy.isV2)
  if (unified === undefined) return []
  const own = ownGroup(unified, membership)
  // A scope of a user's systemd has a parent that belongs to the user.
  const groups = new Set([own, unified.mountPoint, ...(own === unified.mountPoint ? [] : [dirname(own)])])
  const at = (group: string, mayMove: boolean): Candidate => ({ host: { version: 'v2', parents: [group] }, mayMove })
  return [...[...groups].map((group) => at(group, false)), at(own, true)]
}

function parseHierarchies(mountinfo: string): Hierarchy[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , mountRoot = '/', mountPoint = ''] = before.split(' ')
    const [type, , options = ''] = after.split(' ')
    if (type !== 'cgroup' && type !== 'cgroup2') return []
    return [{ controllers: options.split(','), mountPoint, mountRoot, isV2: type === 'cgroup2' }]
  })
}

function ownGroup(hierarchy: Hierarchy, membership: string): string {
  const line = membership
    .split('\n')
    .map((text) => text.split(':'))
    .find(([id, controllers = '']) =>
      hierarchy.isV2
        ? id === '0'
        : controllers.split(',').some((controller) => hierarchy.controllers.includes(controller)),
    )
  const path = line?.slice(2).join(':') ?? '/'
  const below =
    hierarchy.mountRoot !== '/' && path.startsWith(hierarchy.mountRoot) ? path.slice(hierarchy.mountRoot.length) : path
  const group = join(hierarchy.mountPoint, below)
  // In a container the path can be the host's, although only the container's subtree is mounted.
  return existsSync(group) ? group : hierarchy.mountPoint
}

async function works({ host, mayMove }: Candidate): Promise<boolean> {
  try {
    if (mayMove) for (const parent of host.parents) await moveIntoChild(parent, process.pid)
    if (host.version === 'v2') await enableControllers(host.parents)
    const lease = await leaseCgroups(host, {
      memoryBytes: 64 * 1024 * 1024,
      processesMax: 16,
      diskBytes: 0,
      cpuSeconds: 0,
      cpuShare: 1,
    })
    try {
      await run('/bin/sh', ['-c', 'for file; do echo 0 > "$file" || exit 1; done', 'join', ...lease.procsFiles])
      return hasFile(lease, ['memory.max', 'memory.limit_in_bytes']) && hasFile(lease, ['pids.max'])
    } finally {
      await lease.release()
    }
  } catch {
    return false
  }
}

function hasFile(lease: CgroupLease, names: readonly string[]): boolean {
  return lease.procsFiles.some((file) => names.some((name) => existsSync(join(dirname(file), name))))
}

async function enableControllers(parents: readonly string[]): Promise<void> {
  for (const parent of parents) {
    const file = join(parent, 'cgroup.subtree_control')
    const enabled = (await readFile(file, 'utf8')).split(/\s+/)
    const missing = ['memory', 'pids'].filter((controller) => !enabled.includes(controller))
    if (missing.length > 0) await writeFile(file, missing.map((name) => `+${name}`).join(' '))
    // Only `cpuShare` needs it, and a user's systemd often has none to give.
    if (!enabled.includes('cpu')) await writeFile(file, '+cpu').catch(() => undefined)
  }
}

/**
 * Moves the processes of a v2 group into a child group: the kernel limits the children of a group only when the group
 * has no processes of its own. Throws SandboxError, without moving any, if one is not `root` or a descendant of it.
 */
export async function moveIntoChild(group: string, root: number): Promise<void> {
  const processesOf = async () => (await readFile(join(group, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean)
  const own = new Set([root, ...(await findDescendants(root))].map(String))
  const strangers = (await processesOf()).filter((pid) => !own.has(pid) && existsSync(`/proc/${pid}`))
  if (strangers.length > 0) throw new SandboxError(`the control group ${group} has processes of others`)
  const child = join(group, 'appstrate-server')
  await mkdir(child, { recursive: true })
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const left = await processesOf()
    if (left.length === 0) return
    // A process can end meanwhile.
    for (const pid of left) await writeFile(join(child, 'cgroup.procs'), pid).catch(() => undefined)
  }
}

async function writeLimits(dir: string, version: 'v1' | 'v2', limits: SandboxLimits): Promise<void> {
  const memory = String(limits.memoryBytes + ownMemoryBytes)
  const pids = String(limits.processesMax + ownProcesses)
  const quota =
    limits.cpuShare === undefined ? undefined : String(Math.max(1000, Math.round(limits.cpuShare * 100_000)))
  // The CPU weight stays at its default: an execution counts as one process of the server, even if it starts many.
  const files =
    version === 'v2'
      ? { 'memory.max': memory, 'memory.swap.max': '0', 'pids.max': pids, 'cpu.max': `${quota ?? 'max'} 100000` }
      : {
          'memory.limit_in_bytes': memory,
          'memory.memsw.limit_in_bytes': memory,
          'memory.kmem.tcp.limit_in_bytes': memory,
          'pids.max': pids,
          'cpu.cfs_quota_us': quota ?? '-1',
        }
  for (const [file, value] of Object.entries(files)) {
    // A file can be missing: v1 has one directory per controller, and swap accounting can be off.
    const exists = await access(join(dir, file)).then(
      () => true,
      () => false,
    )
    if (exists) await writeFile(join(dir, file), value)
  }
}

async function countOomKills(dirs: readonly string[]): Promise<number> {
  const files = dirs.flatMap((dir) => [join(dir, 'memory.events'), join(dir, 'memory.oom_control')])
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
  return texts.reduce((sum, text) => sum + Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0), 0)
}

// Retries, because a process can stay in the group for a moment after its parent has seen its exit.
async function removeGroup(dir: string): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const removed = await rmdir(dir).then(
      () => true,
      () => !existsSync(dir),
    )
    if (removed) return
    await sleep(5)
  }
}

// A server that was killed leaves empty groups behind.
async function removeStale(host: CgroupHost): Promise<void> {
  for (const parent of host.parents) {
    for (const name of await readdir(parent)) {
      const owner = /^appstrate-(\d+)-\d+$/.exec(name)?.[1]
      if (owner !== undefined && !existsSync(`/proc/${owner}`)) await rmdir(join(parent, name)).catch(() => undefined)
    }
  }
}
