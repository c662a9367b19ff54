import { isDeepStrictEqual } from 'node:util'
import type { AuditChanges } from './audit.ts'

/** What stands in an entry for a value that nobody may read there. */
export const masked = '***'

/** The fields whose values differ. Those of `secret` are told to have changed, never from what to what. */
export function changesBetween(before: object, after: object, options: { readonly secret?: readonly string[] } = {}): AuditChanges {
  const [from, to] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const names = [...new Set([...from.keys(), ...to.keys()])].filter((name) => !isDeepStrictEqual(toPlain(from.get(name)), toPlain(to.get(name))))
  return Object.fromEntries(
    names.map((name) => {
      const show = (value: unknown) => (value === undefined || value === null ? null : options.secret?.includes(name) === true ? masked : toPlain(value))
      return [name, { before: show(from.get(name)), after: show(to.get(name)) }]
    }),
  )
}

function toPlain(value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : (value ?? null)
}
