import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { AuditChanges } from './audit.ts'

/** What stands in an entry for a value that nobody may read there. */
const masked = '***'

/** A value whose JSON is longer is told by its beginning, its length and its SHA-256: entries stay small, and are kept for ever. */
const shownCharactersMax = 2_000
const beginningCharacters = 200

/** Changes with everything else, and tells nothing. */
const timeOfChange = 'updatedAt'

/** The fields whose values differ. Those of `secret` are told to have changed, never from what to what. */
export function changesBetween(
  before: object,
  after: object,
  options: { readonly secret?: readonly string[] } = {},
): AuditChanges {
  const [from, to] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const all = [...new Set([...from.keys(), ...to.keys()])].filter((name) => name !== timeOfChange)
  const names = all.filter((name) => !isDeepStrictEqual(toPlain(from.get(name)), toPlain(to.get(name))))
  return Object.fromEntries(
    names.map((name) => {
      const show = (value: unknown) =>
        value === undefined || value === null
          ? null
          : options.secret?.includes(name) === true
            ? masked
            : shorten(toPlain(value))
      return [name, { before: show(from.get(name)), after: show(to.get(name)) }]
    }),
  )
}

function toPlain(value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : (value ?? null)
}

function shorten(value: unknown): unknown {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (text.length <= shownCharactersMax) return value
  const digest = createHash('sha256').update(text).digest('hex')
  return `${text.slice(0, beginningCharacters)}… (${text.length} characters, SHA-256 ${digest})`
}
