import { readlink } from 'node:fs/promises'
import { readProc } from './proc-files.ts'

/**
 * What the launch allows the buffers of each end of a TCP connection to hold, in bytes. The kernel counts the memory
 * that they take, also for small messages.
 */
export const tcpBufferBytes = { sent: 65_536, received: 131_072 } as const

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
  return used * (socketBytes + (await bufferBytesMax(rules)))
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

// No file tells how much memory the buffers of a socket take: the list of TCP connections has only the bytes of the
// messages. The kernel doubles the size that a program asks for.
async function bufferBytesMax({ buffersAreFixed }: SocketRules): Promise<number> {
  const kind = buffersAreFixed ? 'default' : 'max'
  const [sent, received] = await Promise.all([
    readSetting(`wmem_${kind}`, bufferBytesDefault),
    readSetting(`rmem_${kind}`, bufferBytesDefault),
  ])
  const chosen = Math.max(sent, received)
  return Math.max(buffersAreFixed ? chosen : 2 * chosen, tcpBufferBytes.sent + tcpBufferBytes.received)
}

async function readSetting(name: string, fallback: number): Promise<number> {
  const { text } = await readProc(`sys/net/core/${name}`)
  return Number.parseInt(text, 10) || fallback
}
