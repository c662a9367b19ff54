import { jsonDepthMax, jsonShapeOf } from './json-shape.ts'

/** The most tool calls of one answer. */
export const toolCallsMax = 128
/** An event with more values is not an event of a model. */
const eventCommasMax = 32_768
const eventsMax = 262_144
const eventPartsMax = 1_024
const alternativesMax = 128

/** Why an answer is refused before it is parsed. */
export type RefusalReason = 'too-large' | 'too-complex' | 'too-many-calls'

/** The answer has more than the provider packages may get. */
export class AnswerRefused extends Error {
  override readonly name = 'AnswerRefused'
  readonly reason: RefusalReason

  constructor(reason: RefusalReason) {
    super(`The answer is refused: ${reason}.`)
    this.reason = reason
  }
}

/** Checks the events of one answer, in order, before they are parsed by a provider package. */
export class EventCheck {
  readonly #textBytesMax: number
  readonly #callKeys = new Set<unknown>()
  #events = 0
  #calls = 0
  #argumentCharacters = 0

  constructor(textBytesMax: number) {
    this.#textBytesMax = textBytesMax
  }

  /** Throws AnswerRefused. */
  check(data: string): void {
    this.#events += 1
    if (this.#events > eventsMax) throw new AnswerRefused('too-large')
    const { depth, commas } = jsonShapeOf(data)
    if (depth > jsonDepthMax || commas > eventCommasMax) throw new AnswerRefused('too-complex')
    const event = parse(data)
    this.#checkCallDeltas(alternativesOf(event, 'choices').map((choice) => listOf(choice, 'delta', 'tool_calls')))
    this.#checkParts(alternativesOf(event, 'candidates').map((candidate) => listOf(candidate, 'content', 'parts')))
  }

  // The packages keep the pieces of calls that are not complete yet: here they are counted as they arrive.
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
      const calls = list.map((part) => fieldOf(part, 'functionCall')).filter((call) => call !== undefined)
      this.#calls += calls.length
      // Arguments in pieces are sent on request only. Their paths could name the four billionth item of a list.
      if (calls.some((call) => fieldOf(call, 'partialArgs') !== undefined)) throw new AnswerRefused('too-complex')
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

// What is not JSON, such as `[DONE]`, is left to the packages.
function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}
