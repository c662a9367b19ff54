import { execFile } from 'node:child_process'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

// Not among Node's constants: a handle on the inode that is neither its reader nor its writer.
const O_PATH = 0x200000
const batchSize = 16
const run = promisify(execFile)

/** Our end does not block; theirs does, as programs expect it. */
export interface PipeEnds {
  ours?: number
  theirs: number
}

/**
 * Real pipes for child processes. Node's own stdio are socket pairs, which cannot be reopened through /dev/stdout or /dev/stderr.
 * They are unlinked FIFOs, made in batches and used again once every process that held an end is dead.
 */
export class PipePool {
  readonly #idle: number[] = []

  /** Borrows `count` pipes; `release` gives them back after all ends are closed. */
  async acquire(count: number): Promise<Pipe[]> {
    while (this.#idle.length < count) this.#idle.push(...(await createPipes(Math.max(batchSize, count))))
    return this.#idle.splice(-count).map((inode) => new Pipe(inode))
  }

  release(pipes: readonly Pipe[]): void {
    for (const pipe of pipes) this.#idle.push(pipe.inode)
  }

  /** Gives up pipes that may still have an end open: a later execution must never read what was written for this one. */
  discard(pipes: readonly Pipe[]): void {
    for (const pipe of pipes) closeSync(pipe.inode)
  }
}

export class Pipe {
  readonly inode: number

  constructor(inode: number) {
    this.inode = inode
  }

  /** We read what the child writes. */
  openForReading(): PipeEnds {
    const ours = this.#open(constants.O_RDONLY | constants.O_NONBLOCK)
    return { ours, theirs: this.#open(constants.O_WRONLY) }
  }

  /** The child reads `bytes`, which must fit into the pipe's buffer, and then its end. */
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

/** A file without a name that holds `bytes`: unlike a FIFO it can also be opened again, as /dev/stdin, after its writer is gone. */
export async function openUnnamedFile(bytes: Uint8Array): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'appstrate-input-'))
  try {
    const path = join(dir, 'stdin')
    await writeFile(path, bytes, { mode: 0o444 })
    return openSync(path, constants.O_RDONLY)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function createPipes(count: number): Promise<number[]> {
  const dir = await mkdtemp(join(tmpdir(), 'appstrate-pipes-'))
  try {
    const paths = Array.from({ length: count }, (_, index) => join(dir, String(index)))
    // Writable for all, so that a dropped uid can reopen its /dev/stdout; nobody can reach the name.
    await run('mkfifo', ['-m', '666', '--', ...paths])
    return paths.map((path) => openSync(path, O_PATH | constants.O_NOFOLLOW))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
