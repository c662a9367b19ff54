import { open, readdir } from 'node:fs/promises'

// Larger than any file of /proc that a plain program causes; reading one takes the kernel some 10 ms.
const procBytesMax = 1024 * 1024

export interface ProcText {
  /** Whole lines from the start of the file. */
  readonly text: string
  /** Whether there is more. */
  readonly isCut: boolean
}

/** Reads a file below /proc. A process can end at any moment; its files are then read as empty. */
export async function readProc(path: string, bytesMax = procBytesMax): Promise<ProcText> {
  const file = await open(`/proc/${path}`).catch(() => undefined)
  if (file === undefined) return { text: '', isCut: false }
  try {
    const chunks: Buffer[] = []
    for (let left = bytesMax; left > 0; ) {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(Math.min(left, 65_536)) })
      if (bytesRead === 0) return { text: Buffer.concat(chunks).toString('latin1'), isCut: false }
      chunks.push(buffer.subarray(0, bytesRead))
      left -= bytesRead
    }
    return { text: Buffer.concat(chunks).toString('latin1'), isCut: true }
  } catch {
    return { text: '', isCut: false }
  } finally {
    await file.close()
  }
}

/** The threads of a process as paths below /proc. The first of them can have ended although others still run. */
export async function listThreads(pid: number): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  return threads.map((thread) => `${pid}/task/${thread}`)
}

/** Whether a thread has ended, so that it holds nothing; `status` is its file of that name. */
export function hasEnded(status: string): boolean {
  return status === '' || /^State:\s+[ZX]/m.test(status)
}
