import { AnswerRefused, EventCheck } from './event-check.ts'

/** The data of an event may be larger than its text, because of JSON's escapes. */
const eventCharactersPerTextByte = 2
const eventCharactersSlack = 256 * 1024
/** Events that are parsed in one turn of the event loop. */
const sliceEventsMax = 64

/** Reads server-sent events and refuses those that would cost too much to parse. */
export interface EventGuard {
  /**
   * The complete events up to here, in slices of bytes for one turn of the event loop each. Only the data of events is
   * kept. Throws AnswerRefused.
   */
  take(chunk: Uint8Array): Uint8Array[]
}

/** A guard of one answer with at most `textBytesMax` bytes of text. */
export function createEventGuard(textBytesMax: number): EventGuard {
  const charactersMax = textBytesMax * eventCharactersPerTextByte + eventCharactersSlack
  const decoder = new TextDecoder()
  const check = new EventCheck(textBytesMax)
  let lineParts: string[] = []
  let dataLines: string[] = []
  let characters = 0
  let wasCarriageReturn = false

  const endLine = (rest: string): string | undefined => {
    const line = lineParts.length === 0 ? rest : lineParts.join('') + rest
    lineParts = []
    if (line !== '') {
      const data = /^data(?:: ?|$)/.exec(line)
      if (data === null) characters -= line.length
      else dataLines.push(line.slice(data[0].length))
      return undefined
    }
    const event = dataLines.length === 0 ? undefined : dataLines.join('\n')
    dataLines = []
    characters = 0
    return event
  }
  const countCharacters = (count: number) => {
    characters += count
    if (characters > charactersMax) throw new AnswerRefused('too-large')
  }
  return {
    take(chunk) {
      const events: string[] = []
      let text = decoder.decode(chunk, { stream: true })
      if (wasCarriageReturn && text.startsWith('\n')) text = text.slice(1)
      if (text !== '') wasCarriageReturn = text.endsWith('\r')
      let start = 0
      for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) {
        countCharacters(index - start)
        const event = endLine(text.slice(start, index))
        if (event !== undefined) {
          check.check(event)
          events.push(event)
        }
        start = index + end.length
      }
      countCharacters(text.length - start)
      if (start < text.length) lineParts.push(text.slice(start))
      return toSlices(events)
    },
  }
}

function toSlices(events: readonly string[]): Uint8Array[] {
  const slices: Uint8Array[] = []
  for (let at = 0; at < events.length; at += sliceEventsMax) {
    const slice = events.slice(at, at + sliceEventsMax)
    slices.push(Buffer.from(slice.map((data) => `data: ${data.replaceAll('\n', '\ndata: ')}\n\n`).join('')))
  }
  return slices
}
