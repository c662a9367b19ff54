import { readdir, readFile, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** All living descendants of `pid`, in no particular order. */
export async function findDescendants(pid: number): Promise<number[]> {
  const found: number[] = []
  const waiting = [pid]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const children = await findChildren(next)
    found.push(...children)
    waiting.push(...children)
  }
  return found
}

/** Anonymous and shared memory that the processes hold, in bytes; pages of files on disk are not counted. */
export async function measureMemory(pids: readonly number[]): Promise<number> {
  let kibibytes = 0
  for (const pid of pids) {
    const status = await readProc(`${pid}/status`)
    for (const [, amount] of status.matchAll(/^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB$/gm)) kibibytes += Number(amount)
  }
  return kibibytes * 1024
}

export interface OpenFiles {
  /** Bytes on the device of deleted files that are still open. */
  readonly unlinkedBytes: number
  readonly sockets: number
}

/** What the processes hold open. */
export async function inspectOpenFiles(pids: readonly number[], device: number): Promise<OpenFiles> {
  const unlinked = new Map<number, number>()
  const sockets = new Set<number>()
  for (const pid of pids) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await stat(`/proc/${pid}/fd/${fd}`).catch(() => undefined)
      if (target?.isSocket() === true) sockets.add(target.ino)
      if (target?.isFile() === true && target.nlink === 0 && target.dev === device)
        unlinked.set(target.ino, target.blocks * 512)
    }
  }
  return { unlinkedBytes: [...unlinked.values()].reduce((sum, bytes) => sum + bytes, 0), sockets: sockets.size }
}

/**
 * Kills everything below `launcher`, a child of the server whose only child is the first process of a pid namespace.
 * Resolves when all of it is dead; the launcher exits right after.
 */
export async function killNamespaceOf(launcher: number, isAlive: () => boolean): Promise<void> {
  if (!isAlive()) return
  // Stop it first: killing it between its fork and the setting of the child's death signal would leave an orphan.
  process.kill(launcher, 'SIGSTOP')
  await untilState(launcher, 'TtZX', isAlive)
  const [first] = await findChildren(launcher)
  if (first !== undefined && isAlive()) {
    process.kill(first, 'SIGKILL')
    // It becomes a zombie only after the kernel has ended the whole namespace.
    await untilState(first, 'ZX', isAlive)
  }
  if (isAlive()) process.kill(launcher, 'SIGKILL')
}

async function untilState(pid: number, states: string, isAlive: () => boolean): Promise<void> {
  const deadline = performance.now() + 1000
  while (isAlive() && performance.now() < deadline) {
    const state = /^State:\s+(\w)/m.exec(await readProc(`${pid}/status`))?.[1]
    if (state === undefined || states.includes(state)) return
    await sleep(1)
  }
}

async function findChildren(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = await Promise.all(threads.map((thread) => readProc(`${pid}/task/${thread}/children`)))
  return lists.flatMap((list) =>
    list
      .split(' ')
      .filter((word) => word !== '')
      .map(Number),
  )
}

// A process can end at any moment; it is then read as empty.
function readProc(path: string): Promise<string> {
  return readFile(`/proc/${path}`, 'utf8').catch(() => '')
}
