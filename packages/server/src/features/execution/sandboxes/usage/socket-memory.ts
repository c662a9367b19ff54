import { readlink } from 'node:fs/promises'
import { readProc } from './proc-files.ts'

const bufferBytesDefault = 212_992
// The kernel's own record of a socket.
const socketBytes = 2_048

export interface SocketRules {
  /** Whether the system call filter leaves the size of a socket's buffers at the kernel's default. */
  readonly buffersAreFixed: boolean
}

/**
 * An upper bound, in bytes, of what the sockets of a sandbox hold in the kernel. It counts the sockets of the network
 * namespace, so it includes those that no process has open because they are on their way through another socket.
 */
export async function measureSockets(pids: readonly number[], rules: SocketRules): Promise<number> {
  const pid = await findInNamespace(pids)
  if (pid === undefined) return 0
  const { text } = await readProc(`${pid}/net/sockstat`)
  const used = Number(/^sockets: used (\d+)$/m.exec(text)?.[1] ?? 0)
  if (used === 0) return 0
  return used * (socketBytes + (await bufferBytesMax(rules))) + (await measureQueues(pid))
}

// A process of the launch is in the server's namespace until the sandbox has one of its own.
async function findInNamespace(pids: readonly number[]): Promise<number | undefined> {
  const host = await readlink('/proc/self/ns/net').catch(() => '')
  for (const pid of pids) {
    const own = await readlink(`/proc/${pid}/ns/net`).catch(() => host)
    if (own !== host) return pid
  }
  return undefined
}

// No file tells what is in the buffers of a Unix socket. The kernel doubles the size that a program asks for.
async function bufferBytesMax({ buffersAreFixed }: SocketRules): Promise<number> {
  if (buffersAreFixed)
    return Math.max(await readSetting('wmem_default', bufferBytesDefault), await readSetting('rmem_default', 0))
  return 2 * (await readSetting('wmem_max', bufferBytesDefault))
}

async function readSetting(name: string, fallback: number): Promise<number> {
  const { text } = await readProc(`sys/net/core/${name}`)
  return Number.parseInt(text, 10) || fallback
}

// The kernel lets the buffers of TCP grow far beyond the others, whatever the program asks for. It rounds up to pages.
async function measureQueues(pid: number): Promise<number> {
  let bytes = 0
  for (const name of ['tcp', 'tcp6']) {
    const { text, isCut } = await readProc(`${pid}/net/${name}`)
    if (isCut) return Infinity
    for (const [, sent = '', received = ''] of text.matchAll(/ ([0-9A-F]{8}):([0-9A-F]{8}) \d\d:[0-9A-F]{8} /g))
      bytes += 2 * (parseInt(sent, 16) + parseInt(received, 16))
  }
  return bytes
}
