import { findInput, findJsonObject, type Facts } from './conversation.ts'

const placeholder = /\{\{\s*([\w.]+)\s*\}\}/g
const onlyPlaceholder = /^\{\{\s*([\w.]+)\s*\}\}$/

/**
 * Fills the placeholders in a JSON value: `{{lastToolResult}}`, `{{lastToolResult.json.a.b}}`, `{{lastUserText}}`,
 * `{{input.a.b}}`. A string that is only a placeholder becomes the value itself (null when there is none);
 * a placeholder within text becomes text.
 */
export function fillIn(value: unknown, facts: Facts): unknown {
  if (typeof value === 'string') {
    const path = onlyPlaceholder.exec(value)?.[1]
    return path === undefined ? fillInText(value, facts) : (lookUp(path, facts) ?? null)
  }
  if (Array.isArray(value)) return value.map((item) => fillIn(item, facts))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillIn(item, facts)]))
  }
  return value
}

/** Fills the placeholders of a text; a missing value becomes an empty string. */
export function fillInText(text: string, facts: Facts): string {
  return text.replace(placeholder, (_, path: string) => asText(lookUp(path, facts)))
}

function asText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function lookUp(path: string, facts: Facts): unknown {
  const [root, ...keys] = path.split('.')
  if (root === 'input') return valueAt(findInput(facts), keys)
  if (root === 'lastUserText') return facts.userTexts.at(-1)
  if (root !== 'lastToolResult') return undefined
  const [kind, ...inner] = keys
  if (kind === undefined) return facts.lastToolResult
  return kind === 'json' ? valueAt(findJsonObject(facts.lastToolResult), inner) : undefined
}

function valueAt(value: unknown, keys: readonly string[]): unknown {
  let current = value
  for (const key of keys) {
    if (typeof current !== 'object' || current === null) return undefined
    current = Object.entries(current).find(([name]) => name === key)?.[1]
  }
  return current
}
