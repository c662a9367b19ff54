import type { Raw } from './scenario.ts'
import type { Playback } from './play.ts'

const lineEnd = 10

/** The playback of a reply that is written byte for byte. */
export function rawPlayback(raw: Raw, delays: Pick<Playback, 'delayMs' | 'chunkDelayMs'>): Playback {
  const bytes = bytesOf(raw)
  const kept = bytes.subarray(0, raw.cutAfterBytes ?? bytes.length)
  const chunks = divided(kept, raw.chunks ?? 'whole')
  const isCut = raw.cutAfterBytes !== undefined && raw.cutAfterBytes <= bytes.length
  return {
    status: raw.status ?? 200,
    headers: { 'content-type': 'text/event-stream', ...raw.headers },
    chunks: isCut ? [...chunks, Buffer.alloc(0)] : chunks,
    cut: isCut ? { cutAfterChunks: chunks.length, cut: 'destroy' } : undefined,
    ...delays,
  }
}

function bytesOf({ body = '', bodyBase64 = '', events = [] }: Raw): Buffer {
  const sent = events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
  return Buffer.concat([Buffer.from(bodyBase64, 'base64'), Buffer.from(body + sent.join(''))])
}

function divided(bytes: Buffer, how: NonNullable<Raw['chunks']>): Buffer[] {
  const chunks: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const end = how === 'lines' ? endOfLine(bytes, start) : start + sizeAt(how, chunks.length, bytes.length)
    chunks.push(bytes.subarray(start, end))
    start = end
  }
  return chunks
}

function sizeAt(sizes: 'whole' | readonly number[], number: number, whole: number): number {
  return sizes === 'whole' ? whole : (sizes[number % sizes.length] ?? whole)
}

function endOfLine(bytes: Buffer, start: number): number {
  const end = bytes.indexOf(lineEnd, start)
  return end === -1 ? bytes.length : end + 1
}
