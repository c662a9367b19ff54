/** Keeps the start and the end of a stream of any length, half of `bytesMax` each. */
export class OutputCapture {
  readonly #headMax: number
  readonly #tailMax: number
  readonly #head: Buffer[] = []
  #headBytes = 0
  #tail: Buffer[] = []
  #tailBytes = 0
  #seenBytes = 0

  constructor(bytesMax: number) {
    this.#headMax = Math.ceil(bytesMax / 2)
    this.#tailMax = bytesMax - this.#headMax
  }

  get truncated(): boolean {
    return this.#seenBytes > this.#headMax + this.#tailMax
  }

  push(chunk: Buffer): void {
    this.#seenBytes += chunk.length
    const forHead = chunk.subarray(0, this.#headMax - this.#headBytes)
    if (forHead.length > 0) this.#head.push(forHead)
    this.#headBytes += forHead.length
    const rest = chunk.subarray(forHead.length)
    if (rest.length > 0) this.#pushTail(rest)
  }

  /** The text, with a line in place of the omitted bytes; bytes that are not UTF-8 become U+FFFD. */
  text(): string {
    const head = Buffer.concat(this.#head)
    const tail = this.#tailMax === 0 ? Buffer.alloc(0) : Buffer.concat(this.#tail).subarray(-this.#tailMax)
    if (!this.truncated) return Buffer.concat([head, tail]).toString('utf8')
    const omitted = this.#seenBytes - head.length - tail.length
    return `${cutAtCharacter(head)}\n[… ${omitted} bytes omitted …]\n${startAtCharacter(tail)}`
  }

  #pushTail(chunk: Buffer): void {
    this.#tail.push(chunk)
    this.#tailBytes += chunk.length
    if (this.#tailBytes <= 2 * this.#tailMax + 65_536) return
    // A copy, because a view would keep the dropped part in memory.
    const kept = Buffer.from(Buffer.concat(this.#tail).subarray(this.#tailBytes - this.#tailMax))
    this.#tail = [kept]
    this.#tailBytes = kept.length
  }
}

const isContinuation = (byte: number | undefined) => byte !== undefined && (byte & 0xc0) === 0x80

function cutAtCharacter(bytes: Buffer): string {
  let start = bytes.length - 1
  while (start > 0 && bytes.length - start < 4 && isContinuation(bytes[start])) start -= 1
  const lead = bytes[start] ?? 0
  const expected = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1
  return bytes.subarray(0, bytes.length - start < expected ? start : bytes.length).toString('utf8')
}

function startAtCharacter(bytes: Buffer): string {
  let start = 0
  while (start < 3 && isContinuation(bytes[start])) start += 1
  return bytes.subarray(start).toString('utf8')
}
