import { escapePointer } from '../json-schema/json-pointer.ts'
import type { InvalidPart } from '../problems/problem.ts'

/** The most levels of nesting in a body. */
const depthMax = 100
const mistakesMax = 100
/** Clients choose names: 100 mistakes below one long name must not make a reply of 100 times its length. */
const nameLengthMax = 200

/** An open object or array, and its position in `names` and in the mistakes. */
interface Walk {
  readonly prefix: string
  /** The names from the root to the value that is looked at. */
  readonly names: (string | number)[]
  readonly mistakes: InvalidPart[]
}

/**
 * Finds values that schemas do not exclude but the server cannot store: U+0000 and lone surrogates (PostgreSQL refuses
 * them), `__proto__`, numbers beyond a double, and nesting deeper than `depthMax`. It copies nothing and looks at each
 * value once, so it costs less than parsing the text; its recursion ends at `depthMax`.
 */
export function findUnsafeValues(value: unknown, prefix = ''): InvalidPart[] {
  const walk: Walk = { prefix, names: [], mistakes: [] }
  return visit(walk, value) ? walk.mistakes : [tooDeep]
}

/** True if the value must not be validated further, because recursive code could exhaust the stack on it. */
export function isTooDeep(mistakes: readonly InvalidPart[]): boolean {
  return mistakes.includes(tooDeep)
}

/** True for text that PostgreSQL can store. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

const tooDeep: InvalidPart = { pointer: '', message: `is nested deeper than ${depthMax} levels`, code: 'maxDepth' }

/** Returns false if the value is nested too deeply; the walk then ends. */
function visit(walk: Walk, value: unknown): boolean {
  if (typeof value === 'string') {
    if (!isStorable(value)) add(walk, 'characters', 'must not contain U+0000 or half a surrogate pair')
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) add(walk, 'finite', 'is too large a number to store')
  } else if (Array.isArray(value)) return visitItems(walk, value)
  else if (isObject(value)) return visitFields(walk, value)
  return true
}

function visitItems(walk: Walk, items: readonly unknown[]): boolean {
  const { names } = walk
  const depth = names.length + 1
  for (let index = 0; index < items.length; index += 1) {
    names[depth - 1] = index
    if (depth > depthMax || !visit(walk, items[index])) return false
  }
  names.length = depth - 1
  return true
}

function visitFields(walk: Walk, fields: Readonly<Record<string, unknown>>): boolean {
  const { names } = walk
  const depth = names.length + 1
  // for…in needs no array of the names, and parsed JSON inherits no enumerable field.
  for (const name in fields) {
    names.length = depth - 1
    if (name === '__proto__') add(walk, 'fieldName', 'must not have a field named __proto__')
    else if (!isStorable(name))
      add(walk, 'fieldName', 'has a field whose name contains U+0000 or half a surrogate pair')
    names[depth - 1] = name
    if (depth > depthMax || !visit(walk, fields[name])) return false
  }
  names.length = depth - 1
  return true
}

function add({ prefix, names, mistakes }: Walk, code: string, message: string): void {
  if (mistakes.length >= mistakesMax) return
  const pointer = names.map((name) => `/${escapePointer(String(name).slice(0, nameLengthMax))}`).join('')
  mistakes.push({ pointer: prefix + pointer, message, code })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
