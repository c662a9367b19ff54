import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { AuditChanges } from './audit.ts'

/** Replaces a secret value in an entry. */
const masked = '***'

/** A longer value is shortened to its beginning, length and SHA-256: entries are kept forever and must stay small. */
const shownCharactersMax = 2_000
const beginningCharacters = 200

/** Changes together with every other field, so it carries no information. */
const timeOfChange = 'updatedAt'

/** The fields whose values differ. The values of the fields in `secret` are masked. */
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
