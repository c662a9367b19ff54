import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The targets of the attacks: real files, processes and sockets of the host. */
export interface Arena {
  /** Names a file that exists in `input/` of every sandbox of this suite, and nowhere else. */
  readonly nonce: string
  readonly dataDir: string
  readonly workspacesDir: string
  readonly secretPath: string
  readonly secretText: string
  readonly otherRunPath: string
  readonly socketPath: string
  readonly abstractSocketName: string
  readonly port: number
  readonly victimPid: number
  /** Number of connections that the host's sockets have received. */
  countConnections(): number
  isVictimAlive(): boolean
  /** Set when a script ran outside a sandbox: no further script may run. */
  isBroken: boolean
  close(): Promise<void>
}

export async function openArena(): Promise<Arena> {
  const dataDir = await mkdtemp(join(tmpdir(), 'appstrate-arena-'))
  const nonce = `proof-${randomBytes(12).toString('hex')}`
  const secretText = `secret-${randomBytes(12).toString('hex')}`
  const [workspacesDir, secretPath, socketPath] = [
    join(dataDir, 'workspaces'),
    join(dataDir, 'auth-secret'),
    join(dataDir, 'server.sock'),
  ]
  const otherRunPath = join(workspacesDir, 'other-run', 'output', 'result.txt')
  await mkdir(join(workspacesDir, 'other-run', 'output'), { recursive: true })
  await writeFile(secretPath, secretText)
  await writeFile(otherRunPath, secretText)
  const victim = spawn('sleep', ['600'], { stdio: 'ignore' })
  const abstractSocketName = `appstrate-${nonce}`
  const sockets = [await listen(0), await listen(socketPath), await listen(`\0${abstractSocketName}`)]
  const address = sockets[0]?.server.address()
  return {
    nonce,
    dataDir,
    workspacesDir,
    secretPath,
    secretText,
    otherRunPath,
    socketPath,
    abstractSocketName,
    port: typeof address === 'object' && address !== null ? address.port : 0,
    victimPid: victim.pid ?? 0,
    countConnections: () => sockets.reduce((sum, socket) => sum + socket.connections(), 0),
    isVictimAlive: () => victim.exitCode === null && victim.signalCode === null,
    isBroken: false,
    async close() {
      victim.kill('SIGKILL')
      for (const { server } of sockets) server.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function listen(target: number | string): Promise<{ server: Server; connections(): number }> {
  let count = 0
  const server = createServer((socket) => {
    count += 1
    socket.destroy()
  })
  if (typeof target === 'number') server.listen(target, '127.0.0.1')
  else server.listen(target)
  await once(server, 'listening')
  return { server, connections: () => count }
}

/** The host's pids whose command line contains `text`. */
export async function findProcesses(text: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return pids.filter((_, index) => lines[index]?.includes(text)).map(Number)
}

/** Polls until the condition holds; resolves to whether it held in time. */
export async function holdsWithin(ms: number, condition: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + ms
  while (performance.now() < deadline) {
    if (await condition()) return true
    await sleep(10)
  }
  return condition()
}
