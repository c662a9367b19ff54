import { parseExactJson } from './exact-json.ts'
import { jsonDepthMax, jsonShapeOf } from './json-shape.ts'

/** The most tool calls of one answer. */
export const toolCallsMax = 128
/** An event with more values is not an event of a model. */
const eventCommasMax = 32_768
/** A body with a whole answer has the values of all its events. */
const bodyCommasMax = 262_144
const eventsMax = 262_144
const eventPartsMax = 1_024
const alternativesMax = 128

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
  #argumentCharacters = 0

  constructor(textBytesMax: number) {
    this.#textBytesMax = textBytesMax
  }

  /** The data of an event as JSON; undefined when it is none. Throws AnswerRefused. */
  parse(data: string): unknown {
    const value = parsed(data, eventCommasMax)
    this.#count(value)
    return value
  }

  /** A whole body as JSON, as a list of its events; undefined when it is no JSON. Throws AnswerRefused. */
  parseBody(text: string): readonly unknown[] | undefined {
    const value = parsed(text, bodyCommasMax)
    if (value === undefined) return undefined
    const items: readonly unknown[] = Array.isArray(value) ? value : [value]
    for (const item of items) this.#count(item)
    return items
  }

  #count(event: unknown): void {
    this.#events += 1
    if (this.#events > eventsMax) throw new AnswerRefused('too-large')
    const choices = alternativesOf(event, 'choices')
    if (choices.length > 0) this.#checkCallDeltas(choices.map((choice) => listOf(choice, 'delta', 'tool_calls')))
    const candidates = alternativesOf(event, 'candidates')
    if (candidates.length > 0) this.#checkParts(candidates.map((candidate) => listOf(candidate, 'content', 'parts')))
  }

  // Some pieces of calls are kept until the call is complete: here they are counted as they arrive.
  #checkCallDeltas(lists: readonly unknown[][]): void {
    for (const list of lists) {
      if (list.length > toolCallsMax) throw new AnswerRefused('too-many-calls')
      for (const call of list) {
        this.#callKeys.add(fieldOf(call, 'index') ?? fieldOf(call, 'id') ?? 'continued')
        const text = fieldOf(fieldOf(call, 'function'), 'arguments')
        this.#argumentCharacters += typeof text === 'string' ? text.length : 0
      }
    }
    if (this.#callKeys.size > toolCallsMax) throw new AnswerRefused('too-many-calls')
    if (this.#argumentCharacters > this.#textBytesMax * 2) throw new AnswerRefused('too-large')
  }

  #checkParts(lists: readonly unknown[][]): void {
    for (const list of lists) {
      if (list.length > eventPartsMax) throw new AnswerRefused('too-complex')
      const calls = list.map((part) => fieldOf(part, 'functionCall'))
      // Pieces of a call that has begun have no name.
      this.#calls += calls.filter((call) => fieldOf(call, 'name') !== undefined).length
    }
    if (this.#calls > toolCallsMax) throw new AnswerRefused('too-many-calls')
  }
}

function alternativesOf(event: unknown, name: string): unknown[] {
  const all = itemsOf(fieldOf(event, name))
  if (all.length > alternativesMax) throw new AnswerRefused('too-complex')
  return all
}

function listOf(alternative: unknown, holder: string, list: string): unknown[] {
  return itemsOf(fieldOf(fieldOf(alternative, holder), list))
}

function itemsOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function fieldOf(value: unknown, name: string): unknown {
  const field: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  return field
}

// What is not JSON, such as `[DONE]`, is left to the reader.
function parsed(data: string, commasMax: number): unknown {
  const { depth, commas } = jsonShapeOf(data)
  if (depth > jsonDepthMax || commas > commasMax) throw new AnswerRefused('too-complex')
  try {
    return parseExactJson(data)
  } catch {
    return undefined
  }
}
