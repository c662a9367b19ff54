import { execFile } from 'node:child_process'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findNeutralDir, makeTemporaryDir } from './temporary-dir.ts'

// Missing in Node's constants: opens a handle on the inode that neither reads nor writes.
const O_PATH = 0x200000
// Missing too: creates a file that never has a name.
const O_TMPFILE = 0x400000 | constants.O_DIRECTORY
const batchSize = 16
const run = promisify(execFile)

/** The server's end (`ours`) is non-blocking; the child's end (`theirs`) blocks, as programs expect. */
export interface PipeEnds {
  readonly ours?: number
  readonly theirs: number
}

/**
 * Real pipes for child processes: Node's own stdio are socket pairs, which cannot be reopened through /dev/stdout.
 * The pipes are unlinked FIFOs, created in batches and reused once every process that held an end is dead.
 */
export class PipePool {
  readonly #idle: number[] = []
  readonly #dataDir: string | undefined

  /**
   * Its files exist for a moment in a directory whose path may be known in a sandbox; where there is none, below
   * `dataDir`, or else in the system's temporary directory.
   */
  constructor(dataDir?: string) {
    this.#dataDir = dataDir
  }

  /** Takes `count` pipes from the pool; return them with `release` after all ends are closed. */
  async acquire(count: number): Promise<Pipe[]> {
    while (this.#idle.length < count) this.#idle.push(...(await createPipes(this.#dataDir, Math.max(batchSize, count))))
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
  const dir = await makeTemporaryDir((await findNeutralDir()) ?? dataDir, 'input')
  try {
    const file = await createUnnamed(dir)
    try {
      // The umask reduces the mode of a new file; a dropped uid must be able to reopen it.
      await file.chmod(0o444)
      await file.writeFile(bytes)
      return openSync(`/proc/self/fd/${file.fd}`, constants.O_RDONLY)
    } finally {
      await file.close()
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function createUnnamed(dir: string): Promise<FileHandle> {
  try {
    return await open(dir, O_TMPFILE | constants.O_WRONLY, 0o444)
  } catch {
    // Network file systems cannot do this. The caller removes the name with the directory.
    return open(join(dir, 'stdin'), 'wx', 0o444)
  }
}

async function createPipes(dataDir: string | undefined, count: number): Promise<number[]> {
  const dir = await makeTemporaryDir((await findNeutralDir()) ?? dataDir, 'pipes')
  try {
    const paths = Array.from({ length: count }, (_, index) => join(dir, String(index)))
    // Writable for all users, so that a dropped uid can reopen its /dev/stdout; the name itself is unreachable.
    await run('mkfifo', ['-m', '666', '--', ...paths])
    return paths.map((path) => openSync(path, O_PATH | constants.O_NOFOLLOW))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
