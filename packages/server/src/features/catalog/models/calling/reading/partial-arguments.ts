import { AnswerRefused } from '../event-check.ts'
import { jsonDepthMax } from '../json-shape.ts'
import { recordOf, textOf, type WireRecord } from './wire-values.ts'

type Leaf = string | number | boolean | null
type Node = Map<string, Node> | Node[] | Leaf
type Step = string | number

const valuesMax = 32_768
/** The most steps of the paths of one answer. A path that is repeated for the next piece of a text counts once. */
const stepsMax = 131_072
const stepPattern = /\.([^.[\]]+)|\[(?:(\d{1,9})|'([^'\]]*)'|"([^"\]]*)")\]/y

/** Counts the steps of the paths of all calls of an answer. */
export interface StepCount {
  steps: number
}

interface Place {
  readonly path: string
  readonly holder: Node
  readonly last: Step
}

/**
 * Arguments that arrive as values with JSON paths (`$.list[0].name`). Lists grow by one item at a time, so that a
 * path cannot ask for memory.
 */
export class PartialArguments {
  readonly #root = new Map<string, Node>()
  readonly #charactersMax: number
  #characters = 0
  #values = 0
  /** The path of a text that is not complete yet. */
  #openText: string | undefined

  #place: Place | undefined
  readonly #count: StepCount

  constructor(charactersMax: number, count: StepCount) {
    this.#charactersMax = charactersMax
    this.#count = count
  }

  /** Adds pieces. Throws AnswerRefused for paths and sizes that no model sends. */
  take(pieces: readonly unknown[]): void {
    for (const piece of pieces) {
      const record = recordOf(piece)
      const path = textOf(record?.jsonPath)
      if (record !== undefined && path !== undefined) this.#takeOne(path, record)
    }
  }

  toJson(): unknown {
    return toJson(this.#root)
  }

  #takeOne(path: string, piece: WireRecord): void {
    const value = leafOf(piece)
    this.#values += 1
    this.#characters += path.length + (typeof value === 'string' ? value.length : 0)
    if (this.#values > valuesMax) throw new AnswerRefused('too-complex')
    if (this.#characters > this.#charactersMax * 2) throw new AnswerRefused('too-large')
    const { holder, last } = (this.#place = this.#place?.path === path ? this.#place : this.#placeAt(path))
    const before = this.#openText === path ? get(holder, last) : undefined
    set(holder, last, typeof before === 'string' && typeof value === 'string' ? before + value : value)
    this.#openText = piece.willContinue === true ? path : undefined
  }

  #placeAt(path: string): Place {
    const steps = stepsOf(path)
    this.#count.steps += steps.length
    const last = steps.pop()
    if (last === undefined || this.#count.steps > stepsMax) throw new AnswerRefused('too-complex')
    let holder: Node = this.#root
    for (const [at, step] of steps.entries()) holder = this.#child(holder, step, steps[at + 1] ?? last)
    return { path, holder, last }
  }

  #child(holder: Node, step: Step, next: Step): Node {
    const known = get(holder, step)
    if (known instanceof Map || Array.isArray(known)) return known
    const child: Node = typeof next === 'number' ? [] : new Map<string, Node>()
    set(holder, step, child)
    return child
  }
}

function leafOf(piece: WireRecord): Leaf {
  const { stringValue, numberValue, boolValue } = piece
  if (typeof stringValue === 'string') return stringValue
  if (typeof numberValue === 'number') return numberValue
  return typeof boolValue === 'boolean' ? boolValue : null
}

function stepsOf(path: string): Step[] {
  const steps: Step[] = []
  const pattern = new RegExp(stepPattern)
  pattern.lastIndex = path.startsWith('$') ? 1 : 0
  while (pattern.lastIndex < path.length) {
    const match = pattern.exec(path)
    if (match === null || steps.length >= jsonDepthMax) throw new AnswerRefused('too-complex')
    const [, name, index, single, double] = match
    steps.push(index === undefined ? (name ?? single ?? double ?? '') : Number(index))
  }
  return steps
}

function get(holder: Node, step: Step): Node | undefined {
  if (holder instanceof Map) return holder.get(String(step))
  return Array.isArray(holder) && typeof step === 'number' ? holder[step] : undefined
}

function set(holder: Node, step: Step, value: Node): void {
  if (holder instanceof Map) holder.set(String(step), value)
  else if (Array.isArray(holder) && typeof step === 'number' && step <= holder.length) holder[step] = value
  else throw new AnswerRefused('too-complex')
}

function toJson(node: Node): unknown {
  if (node instanceof Map) return Object.fromEntries([...node].map(([key, value]) => [key, toJson(value)]))
  return Array.isArray(node) ? node.map(toJson) : node
}
