import { AnswerRefused, EventCheck } from './event-check.ts'
import type { ServerEvent } from './reading/answer-reader.ts'
import { shortened } from './reading/short-text.ts'

/** The data of an event may be larger than its text, because of JSON's escapes. */
const eventCharactersPerTextByte = 2
const eventCharactersSlack = 256 * 1024
/** Characters without an event that a server may send in advance, such as keep-alives; each event allows some more. */
const idleCharactersMax = 256 * 1024
const idleCharactersPerEvent = 1_024
const foreignCharactersMax = 8_192
/** An event with more lines of data is not read line by line. */
const separateLinesMax = 1_000
/** The most lines of a body with an object on each line: all of them are parsed at once. */
const jsonLinesMax = 65_536

/**
 * Reads the body of an answer: server-sent events, or JSON where events were asked for. Refuses what would cost too
 * much to parse. Lines that are neither are kept up to a small size, because they can say why there is no answer.
 */
export class EventGuard {
  readonly #charactersMax: number
  readonly #decoder = new TextDecoder()
  readonly #check: EventCheck
  #events: ServerEvent[] = []
  #isJson: boolean | undefined
  #jsonParts: string[] = []
  #lineParts: string[] = []
  #dataLines: string[] = []
  /** Whether the data so far is one line with the start and the end of an object. */
  #isWholeObject = false
  #eventName: string | undefined
  #characters = 0
  #idleLeft = idleCharactersMax
  #wasCarriageReturn = false
  #foreign = ''
  #hasEvents = false

  /** A guard of one answer with at most `textBytesMax` bytes of text. */
  constructor(textBytesMax: number) {
    this.#charactersMax = textBytesMax * eventCharactersPerTextByte + eventCharactersSlack
    this.#check = new EventCheck(textBytesMax)
  }

  /** The events that are complete now. Throws AnswerRefused. */
  take(chunk: Uint8Array): ServerEvent[] {
    this.#takeText(this.#decoder.decode(chunk, { stream: true }))
    return this.#taken()
  }

  /** The events that the end of the body completes. Throws AnswerRefused. */
  end(): ServerEvent[] {
    this.#takeText(this.#decoder.decode())
    if (this.#isJson === true) this.#endJson()
    else {
      if (this.#lineParts.length > 0) this.#endLine('')
      this.#endEvent()
      if (!this.#hasEvents && this.#foreign !== '') this.#add(undefined, this.#foreign, undefined)
    }
    return this.#taken()
  }

  #taken(): ServerEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  #takeText(text: string): void {
    this.#isJson ??= isJsonStart(text)
    if (this.#isJson === undefined) this.#spendIdle(text.length)
    else if (this.#isJson) {
      this.#countCharacters(text.length)
      this.#jsonParts.push(text)
    } else this.#takeLines(text)
  }

  #takeLines(given: string): void {
    const text = this.#wasCarriageReturn && given.startsWith('\n') ? given.slice(1) : given
    if (given !== '') this.#wasCarriageReturn = given.endsWith('\r')
    const start = text.includes('\r') ? this.#takeMixedLines(text) : this.#takePlainLines(text)
    this.#countCharacters(text.length - start)
    if (start < text.length) this.#lineParts.push(text.slice(start))
  }

  /** Reads the complete lines of a text; returns where the last one starts. */
  #takePlainLines(text: string): number {
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      this.#takeLine(text.slice(start, end))
      start = end + 1
    }
    return start
  }

  #takeMixedLines(text: string): number {
    let start = 0
    for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) {
      this.#takeLine(text.slice(start, index))
      start = index + end.length
    }
    return start
  }

  #takeLine(rest: string): void {
    this.#countCharacters(rest.length)
    this.#endLine(rest)
  }

  #endLine(rest: string): void {
    const line = this.#lineParts.length === 0 ? rest : this.#lineParts.join('') + rest
    this.#lineParts = []
    if (line.startsWith('data: ')) return this.#addData(line.slice(6))
    this.#spendIdle(line.length + 1)
    if (line === '') return this.#endEvent()
    const [found, field] = /^(data|event|id|retry)(?:: ?|$)/.exec(line) ?? ['']
    if (field === 'data') return this.#addData(line.slice(found.length))
    this.#characters -= line.length
    if (field === 'event') this.#nameEvent(line.slice(found.length))
    else if (field === undefined) this.#takeOther(line)
  }

  #takeOther(line: string): void {
    if (line.startsWith('{')) this.#endEventWith(line)
    else if (!line.startsWith(':') && this.#foreign.length < foreignCharactersMax)
      this.#foreign += `${shortened(line, foreignCharactersMax)}\n`
  }

  // Some servers leave out the blank line between two events.
  #addData(data: string): void {
    if (this.#isWholeObject && startsEvent(data)) this.#endEvent()
    if (data.length === 0) this.#spendIdle(6)
    this.#dataLines.push(data)
    this.#isWholeObject = this.#dataLines.length === 1 && isWholeObject(data)
  }

  #nameEvent(name: string): void {
    if (this.#isWholeObject) this.#endEvent()
    this.#eventName = shortened(name.trim(), 100)
  }

  #endEventWith(line: string): void {
    this.#endEvent()
    this.#dataLines = [line]
    this.#endEvent()
  }

  #endEvent(): void {
    const lines = this.#dataLines
    const name = this.#eventName
    this.#dataLines = []
    this.#isWholeObject = false
    this.#eventName = undefined
    this.#characters = 0
    const data = lines.length === 1 ? (lines[0] ?? '') : lines.join('\n')
    if (!/\S/.test(data)) return this.#spendIdle(data.length)
    this.#idleLeft = Math.min(idleCharactersMax, this.#idleLeft + idleCharactersPerEvent)
    const value = this.#check.parse(data)
    if (value !== undefined || lines.length === 1 || lines.length > separateLinesMax)
      return this.#add(name, data, value)
    // Not one event over several lines, but one event per line.
    for (const line of lines) this.#add(name, line, this.#check.parse(line))
  }

  #endJson(): void {
    const text = this.#jsonParts.join('')
    this.#jsonParts = []
    const items = this.#check.parseBody(text)
    if (items === undefined) return this.#endJsonLines(text)
    for (const [at, value] of items.entries()) {
      const isWhole = at === items.length - 1
      this.#events.push({ name: undefined, data: '', value, isWhole })
    }
  }

  // A body with an object on each line, or the start of one that was cut.
  #endJsonLines(text: string): void {
    const lines = text.split('\n')
    if (lines[0] === undefined || this.#check.parse(lines[0]) === undefined)
      return this.#add(undefined, text.slice(0, foreignCharactersMax), undefined)
    if (lines.length > jsonLinesMax) throw new AnswerRefused('too-complex')
    for (const line of lines) this.#endEventWith(line)
  }

  #add(name: string | undefined, data: string, value: unknown): void {
    this.#hasEvents = true
    const again = value === undefined && data.startsWith('data:') ? data.replace(/^(?:data:\s*){1,8}/, '') : undefined
    if (again === undefined) this.#events.push({ name, data, value, isWhole: false })
    else this.#events.push({ name, data: again, value: this.#check.parse(again), isWhole: false })
  }

  #countCharacters(count: number): void {
    this.#characters += count
    if (this.#characters > this.#charactersMax) throw new AnswerRefused('too-large')
  }

  #spendIdle(count: number): void {
    this.#idleLeft -= count
    if (this.#idleLeft < 0) throw new AnswerRefused('no-events')
  }
}

/** Whether a body that starts with the text is JSON; undefined while only white space has arrived. */
function isJsonStart(text: string): boolean | undefined {
  const first = text.trimStart()[0]
  return first === undefined ? undefined : first === '{' || first === '['
}

function isWholeObject(data: string): boolean {
  return data.trimStart().startsWith('{') && data.trimEnd().endsWith('}')
}

function startsEvent(data: string): boolean {
  const text = data.trimStart()
  return text.startsWith('{') || text.startsWith('[DONE]')
}
