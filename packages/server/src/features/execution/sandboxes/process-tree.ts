import { readdir, readFile } from 'node:fs/promises'
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
