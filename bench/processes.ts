import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

/** The absolute path of a file of this repository. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url))
}

export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('There is no free port.')
  return address.port
}

/** Starts a program of bench/ with one argument; it answers over messages. */
export function startProgram(file: string, argument: unknown): ChildProcess {
  return fork(inRepository(`bench/${file}`), [JSON.stringify(argument)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

/** The next message from a child process. Throws when the child exits first. */
export async function nextMessage(child: ChildProcess): Promise<unknown> {
  const controller = new AbortController()
  const { signal } = controller
  const ended = once(child, 'disconnect', { signal }).then(() => {
    throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode ?? child.signalCode}.`)
  })
  try {
    const [message]: unknown[] = await Promise.race([once(child, 'message', { signal }), ended])
    return message
  } finally {
    controller.abort()
    ended.catch(() => undefined)
  }
}

/** Stops a child process; resolves when it has exited. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await exit
  clearTimeout(timer)
}

export interface TreeMemory {
  readonly processes: number
  /** Proportional set size: the cost of a shared page is divided among the processes that share it. */
  readonly pssBytes: number
}

/** The memory of a process and all its descendants. */
export async function treeMemory(rootPid: number): Promise<TreeMemory> {
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined)
    // The command in parentheses can contain spaces; the parent is the second field after it.
    const parent = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
    if (parent !== undefined) parents.set(Number(name), Number(parent))
  }
  const isInTree = (pid: number): boolean => pid === rootPid || (parents.has(pid) && isInTree(parents.get(pid) ?? 0))
  const pids = [...parents.keys()].filter(isInTree)
  const sizes = await Promise.all(pids.map(pssOf))
  return { processes: pids.length, pssBytes: sizes.reduce((sum, size) => sum + size, 0) }
}

async function pssOf(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024
}

/** CPU time that a process has used so far, in microseconds. */
export async function cpuMicroseconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  // Linux reports hundredths of a second on every supported platform.
  return ticks * 10_000
}
