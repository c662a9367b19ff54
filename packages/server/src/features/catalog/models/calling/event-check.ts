import { parseExactJson } from './exact-json.ts'
import { jsonDepthMax, jsonShapeOf } from './json-shape.ts'
import { idOf } from './reading/short-text.ts'
import { countOf, listOf, recordOf, type WireRecord } from './reading/wire-values.ts'

/** The most tool calls of one answer. */
export const toolCallsMax = 128
/** An event with more values is not an event of a model. */
const eventCommasMax = 32_768
/** A body with a whole answer has the values of all its events. */
const bodyCommasMax = 262_144
const eventsMax = 262_144
const eventPartsMax = 1_024
const alternativesMax = 128
/** Texts that start like JSON and are none: the exception for each costs as much as a large event. */
const unreadableMax = 16_384
const jsonStarts = new Set('{["-0123456789tfn')

/** Why an answer is refused before it is parsed. */
export type RefusalReason = 'too-large' | 'too-complex' | 'too-many-calls' | 'no-events'

/** The answer has more than the provider packages may get. */
export class AnswerRefused extends Error {
  override readonly name = 'AnswerRefused'
  readonly reason: RefusalReason

  constructor(reason: RefusalReason) {
    super(`The answer is refused: ${reason}.`)
    this.reason = reason
  }
}

/** Checks the events of one answer, in order, before they are read. */
export class EventCheck {
  readonly #textBytesMax: number
  readonly #callKeys = new Set<unknown>()
  #events = 0
  #calls = 0
  #unreadable = 0
  #argumentCharacters = 0

  constructor(textBytesMax: number) {
    this.#textBytesMax = textBytesMax
  }

  /** The data of an event as JSON; undefined when it is none. Throws AnswerRefused. */
  parse(data: string): unknown {
    const value = this.#parsed(data, eventCommasMax)
    this.#count(value)
    return value
  }

  /** A whole body as JSON, as a list of its events; undefined when it is no JSON. Throws AnswerRefused. */
  parseBody(text: string): readonly unknown[] | undefined {
    const value = this.#parsed(text, bodyCommasMax)
    if (value === undefined) return undefined
    const items: readonly unknown[] = Array.isArray(value) ? value : [value]
    for (const item of items) this.#count(item)
    return items
  }

  // What is not JSON, such as `[DONE]`, is left to the reader.
  #parsed(data: string, commasMax: number): unknown {
    if (!jsonStarts.has(data.trimStart().charAt(0))) return undefined
    const { depth, commas } = jsonShapeOf(data)
    if (depth > jsonDepthMax || commas > commasMax) throw new AnswerRefused('too-complex')
    try {
      return parseExactJson(data)
    } catch {
      this.#unreadable += 1
      if (this.#unreadable > unreadableMax) throw new AnswerRefused('too-complex')
      return undefined
    }
  }

  #count(event: unknown): void {
    this.#events += 1
    if (this.#events > eventsMax) throw new AnswerRefused('too-large')
    const record = recordOf(event)
    if (record === undefined) return
    this.#checkAlternatives(record)
    // Some of Google's servers put an envelope around each event.
    const inner = recordOf(record.response)
    if (inner !== undefined) this.#checkAlternatives(inner)
  }

  #checkAlternatives(event: WireRecord): void {
    for (const choice of alternativesOf(event.choices)) {
      this.#checkCallDeltas(checkedMessage(choice.delta))
      checkedMessage(choice.message)
    }
    if (this.#callKeys.size > toolCallsMax) throw new AnswerRefused('too-many-calls')
    if (this.#argumentCharacters > this.#textBytesMax * 2) throw new AnswerRefused('too-large')
    for (const candidate of alternativesOf(event.candidates))
      this.#checkParts(listOf(recordOf(candidate.content)?.parts))
    if (this.#calls > toolCallsMax) throw new AnswerRefused('too-many-calls')
  }

  // Some pieces of calls are kept until the call is complete: here they are counted as they arrive.
  #checkCallDeltas(calls: readonly unknown[]): void {
    for (const call of calls) {
      const record = recordOf(call)
      this.#callKeys.add(countOf(record?.index) ?? idOf(record?.id) ?? 'continued')
      const text = recordOf(record?.function)?.arguments
      this.#argumentCharacters += typeof text === 'string' ? text.length : 0
    }
  }

  #checkParts(parts: readonly unknown[]): void {
    if (parts.length > eventPartsMax) throw new AnswerRefused('too-complex')
    const calls = parts.map((part) => recordOf(recordOf(part)?.functionCall))
    // Pieces of a call that has begun have no name.
    this.#calls += calls.filter((call) => call?.name !== undefined).length
  }
}

function alternativesOf(alternatives: unknown): WireRecord[] {
  const all = listOf(alternatives)
  if (all.length > alternativesMax) throw new AnswerRefused('too-complex')
  return all.map(recordOf).filter((alternative) => alternative !== undefined)
}

/** The tool calls of a message that has not too many of them, and not too many parts. */
function checkedMessage(value: unknown): readonly unknown[] {
  const message = recordOf(value)
  const calls = listOf(message?.tool_calls)
  if (calls.length > toolCallsMax) throw new AnswerRefused('too-many-calls')
  if (listOf(message?.content).length > eventPartsMax) throw new AnswerRefused('too-complex')
  return calls
}
