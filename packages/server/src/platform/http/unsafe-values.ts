import { escapePointer } from '../json-schema/json-pointer.ts'
import type { InvalidPart } from '../problems/problem.ts'

/** The most levels of nesting in a body. */
const depthMax = 100
const mistakesMax = 100

interface Node {
  readonly value: unknown
  readonly key: string
  readonly parent: Node | undefined
  readonly depth: number
}

/**
 * Finds values that schemas do not exclude but the server cannot store: U+0000 and lone surrogates (PostgreSQL refuses
 * them), `__proto__`, numbers beyond a double, and nesting deeper than `depthMax`. Does not recurse.
 */
export function findUnsafeValues(value: unknown, prefix = ''): InvalidPart[] {
  const mistakes: InvalidPart[] = []
  const pending: Node[] = [{ value, key: '', parent: undefined, depth: 0 }]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.depth > depthMax) return [tooDeep]
    const mistake = mistakeOf(node)
    if (mistake !== undefined && mistakes.length < mistakesMax)
      mistakes.push({
        pointer: prefix + pointerOf(mistake.isName ? node.parent : node),
        message: mistake.message,
        code: mistake.code,
      })
    if (typeof node.value === 'object' && node.value !== null) pushChildren(pending, node, node.value)
  }
  return mistakes
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

interface Mistake {
  readonly message: string
  readonly code: string
  /** The field's name is wrong, not its value. */
  readonly isName?: true
}

function mistakeOf({ key, value }: Node): Mistake | undefined {
  if (key === '__proto__') return { message: 'must not have a field named __proto__', code: 'fieldName', isName: true }
  if (!isStorable(key))
    return {
      message: 'has a field whose name contains U+0000 or half a surrogate pair',
      code: 'fieldName',
      isName: true,
    }
  if (typeof value === 'string' && !isStorable(value))
    return { message: 'must not contain U+0000 or half a surrogate pair', code: 'characters' }
  if (typeof value === 'number' && !Number.isFinite(value))
    return { message: 'is too large a number to store', code: 'finite' }
  return undefined
}

function pushChildren(pending: Node[], parent: Node, value: object): void {
  // Push from last to first, so that mistakes are in document order.
  for (const [key, child] of Object.entries(value).reverse())
    pending.push({ value: child, key, parent, depth: parent.depth + 1 })
}

function pointerOf(node: Node | undefined): string {
  const keys: string[] = []
  for (let at = node; at?.parent !== undefined; at = at.parent) keys.unshift(`/${escapePointer(at.key)}`)
  return keys.join('')
}
