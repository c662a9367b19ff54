import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { findDescendants } from './process-tree.ts'
import { makeTemporaryDir } from './temporary-dir.ts'

// Missing in Node's constants: opens a handle on the inode that neither reads nor writes.
const O_PATH = 0x200000
// Missing too: creates a file that never has a name.
const O_TMPFILE = 0x400000 | constants.O_DIRECTORY
const batchSize = 16
// Programs in a sandbox can read the path of a file that was handed to them: these say nothing about the server.
const neutralDirs = ['/dev/shm', '/tmp', '/var/tmp']

/** The server's end (`ours`) is non-blocking; the child's end (`theirs`) blocks, as programs expect. */
export interface PipeEnds {
  readonly ours?: number
  readonly theirs: number
}

/**
 * Real pipes for child processes: Node's own stdio are socket pairs, which cannot be reopened through /dev/stdout.
 * The pipes have no path. They are created in batches and reused once every process that held an end is dead.
 */
export class PipePool {
  readonly #idle: number[] = []
  readonly #dataDir: string | undefined

  /** Files without a name are created below `dataDir` where no directory of the system can hold them. */
  constructor(dataDir?: string) {
    this.#dataDir = dataDir
  }

  /** Takes `count` pipes from the pool; return them with `release` after all ends are closed. */
  async acquire(count: number): Promise<Pipe[]> {
    while (this.#idle.length < count) this.#idle.push(...(await createPipes(Math.max(batchSize, count))))
    return this.#idle.splice(-count).map((inode) => new Pipe(inode))
  }

  /** A file without a name that holds `bytes`. Unlike a FIFO, it can be reopened as /dev/stdin later. */
  openUnnamedFile(bytes: Uint8Array): Promise<number> {
    return openUnnamedFile(this.#dataDir, bytes)
  }

  release(pipes: readonly Pipe[]): void {
    for (const pipe of pipes) this.#idle.push(pipe.inode)
  }

  /** Closes pipes that may still have an open end: a later execution must never read the data of this one. */
  discard(pipes: readonly Pipe[]): void {
    for (const pipe of pipes) closeSync(pipe.inode)
  }
}

export class Pipe {
  readonly inode: number

  constructor(inode: number) {
    this.inode = inode
  }

  /** The server reads what the child writes. */
  openForReading(): PipeEnds {
    const ours = this.#open(constants.O_RDONLY | constants.O_NONBLOCK)
    return { ours, theirs: this.#open(constants.O_WRONLY) }
  }

  /** The child reads `bytes` and then end of file. `bytes` must fit into the pipe's buffer. */
  openFilledWith(bytes: Uint8Array): PipeEnds {
    const placeholder = this.#open(constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = this.#open(constants.O_WRONLY | constants.O_NONBLOCK)
    const theirs = this.#open(constants.O_RDONLY)
    writeSync(writer, bytes)
    closeSync(writer)
    closeSync(placeholder)
    return { theirs }
  }

  #open(flags: number): number {
    return openSync(`/proc/self/fd/${this.inode}`, flags)
  }
}

async function openUnnamedFile(dataDir: string | undefined, bytes: Uint8Array): Promise<number> {
  for (const dir of neutralDirs) {
    const file = await open(dir, O_TMPFILE | constants.O_WRONLY, 0o444).catch(() => undefined)
    if (file !== undefined) return fill(file, bytes)
  }
  const dir = await makeTemporaryDir(dataDir, 'input')
  try {
    return await fill(await open(join(dir, 'stdin'), 'wx', 0o444), bytes)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function fill(file: FileHandle, bytes: Uint8Array): Promise<number> {
  try {
    // The umask reduces the mode of a new file; a dropped uid must be able to reopen it.
    await file.chmod(0o444)
    await file.writeFile(bytes)
    return openSync(`/proc/self/fd/${file.fd}`, constants.O_RDONLY)
  } finally {
    await file.close()
  }
}

// Node cannot create a pipe, but a shell can: the pipes between commands that report and then wait.
async function createPipes(count: number): Promise<number[]> {
  const command = '{ echo >&2; read -r line; }'
  const pipeline = Array.from({ length: count + 1 }, () => command).join(' | ')
  const shell = spawn('/bin/sh', ['-c', pipeline], { env: {}, stdio: ['pipe', 'ignore', 'pipe'] })
  const closed = once(shell, 'close')
  try {
    await untilLines(shell, count + 1)
    const commands = await findDescendants(shell.pid ?? 0)
    return commands.flatMap(openPipeOf)
  } finally {
    shell.stdin.destroy()
    shell.stderr.resume()
    await closed
  }
}

// The standard input of the first command is not a pipe, but what Node gave it.
function openPipeOf(pid: number): number[] {
  const inode = openSync(`/proc/${pid}/fd/0`, O_PATH)
  if (!fstatSync(inode).isFIFO()) {
    closeSync(inode)
    return []
  }
  // Writable for all users, so that a dropped uid can reopen its /dev/stdout. There is no path to open it by.
  chmodSync(`/proc/self/fd/${inode}`, 0o666)
  return [inode]
}

async function untilLines({ stderr }: { stderr: Readable }, count: number): Promise<void> {
  let lines = 0
  for await (const chunk of stderr.iterator({ destroyOnReturn: false })) {
    lines += String(chunk).split('\n').length - 1
    if (lines >= count) return
  }
  throw new Error('the shell that creates the pipes of sandboxes has ended early')
}
