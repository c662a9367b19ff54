import type { ServerResponse } from 'node:http'
import type { Failure } from './scenario.ts'

/** How an answer is sent: its chunks, delays, and where it is cut. */
export interface Playback {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly chunks: Iterable<string | Uint8Array>
  readonly delayMs: number
  readonly chunkDelayMs: number
  readonly cut: Pick<Failure, 'cutAfterChunks' | 'cut'> | undefined
}

/** Plays an answer; stops without an error when the client disconnects. */
export async function play(reply: ServerResponse, playback: Playback): Promise<void> {
  if (!(await pause(reply, playback.delayMs))) return
  const cutAfter = playback.cut?.cutAfterChunks
  reply.writeHead(playback.status, { 'cache-control': 'no-cache', ...playback.headers })
  let sent = 0
  for (const chunk of playback.chunks) {
    if (sent === cutAfter) return breakOff(reply, playback.cut?.cut)
    if (sent > 0 && !(await pause(reply, playback.chunkDelayMs))) return
    if (!reply.write(chunk) && !(await drained(reply))) return
    sent += 1
  }
  reply.end()
}

function breakOff(reply: ServerResponse, how: Failure['cut']): void {
  if (how === 'end') reply.end()
  else if (!reply.headersSent || reply.writableLength === 0) reply.destroy()
  // Flush what was written before the socket is destroyed; otherwise the cut would be at a random place.
  else reply.write('', () => reply.destroy())
}

/** Waits; resolves to false when the client disconnected meanwhile. */
export function pause(reply: ServerResponse, ms: number): Promise<boolean> {
  if (reply.destroyed) return Promise.resolve(false)
  if (ms === 0) return Promise.resolve(true)
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer)
      reply.off('close', finish)
      resolve(!reply.destroyed)
    }
    const timer = setTimeout(finish, ms)
    reply.once('close', finish)
  })
}

function drained(reply: ServerResponse): Promise<boolean> {
  if (reply.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const finish = (): void => {
      reply.off('close', finish)
      reply.off('drain', finish)
      resolve(!reply.destroyed)
    }
    reply.once('drain', finish)
    reply.once('close', finish)
  })
}
