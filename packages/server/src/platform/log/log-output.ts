import { constants, fstatSync, openSync, writeSync } from 'node:fs'

/** Writes bytes and returns their number, which may be less than given. Throws while the output takes none. */
export type WriteBytes = (bytes: Buffer) => number

/** The most bytes of lines that wait for an output that takes none. */
const keptBytesMax = 1_048_576
const retryMs = 200

/**
 * Where log lines go. Writing never throws and never waits: while the output takes nothing, as on a full disk or with
 * a reader that has stopped, up to `keptBytesMax` of lines are kept, and further ones are dropped and counted. When
 * there is room again, the kept lines and then the count are written.
 */
export class LogOutput {
  readonly #writeBytes: WriteBytes
  /** Lines that are not completely written, oldest first. */
  #kept: Buffer[] = []
  #keptBytes = 0
  #dropped = 0
  #retry: NodeJS.Timeout | undefined

  constructor(writeBytes: WriteBytes) {
    this.#writeBytes = writeBytes
  }

  /** True while the output takes nothing. */
  get isFailing(): boolean {
    return this.#retry !== undefined
  }

  /** The number of lines that were dropped since the output began to fail. */
  get droppedLines(): number {
    return this.#dropped
  }

  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.#keptBytes + bytes.length > keptBytesMax) {
      this.#dropped += 1
      return
    }
    this.#keep(bytes)
    if (!this.isFailing) this.#flush()
  }

  /** Writes what is kept as far as possible, and stops trying. */
  close(): void {
    this.#flush()
    clearTimeout(this.#retry)
  }

  #keep(bytes: Buffer): void {
    this.#kept.push(bytes)
    this.#keptBytes += bytes.length
  }

  #flush(): void {
    if (this.#writeKept() && this.#dropped > 0) {
      const report = { level: 50, time: Date.now(), lines: this.#dropped, msg: 'Log lines were dropped.' }
      this.#dropped = 0
      this.#keep(Buffer.from(`${JSON.stringify(report)}\n`))
      this.#writeKept()
    }
  }

  /** Returns false if the output took not all of it; a timer then tries again. */
  #writeKept(): boolean {
    let written = 0
    try {
      for (const line of this.#kept) {
        this.#writeLine(line, written)
        written += 1
      }
      return true
    } catch {
      // Logging this failure would fail too; `/ready` reports it.
      this.#retryLater()
      return false
    } finally {
      this.#kept.splice(0, written)
    }
  }

  #writeLine(line: Buffer, index: number): void {
    for (let rest = line; rest.length > 0; ) {
      const count = this.#writeBytes(rest)
      rest = rest.subarray(count)
      // A line that was written in part continues where it was cut.
      this.#kept[index] = rest
      this.#keptBytes -= count
    }
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.#flush()
    }, retryMs).unref()
  }
}

/** The output of this process's standard output. */
export function openStandardOutput(): LogOutput {
  const fd = openWithoutBlocking(1)
  return new LogOutput((bytes) => writeSync(fd, bytes))
}

// A pipe whose reader has stopped would block the whole process, unless it is opened again in non-blocking mode.
function openWithoutBlocking(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    // Not Linux, or a pipe of another user.
    return fd
  }
}
