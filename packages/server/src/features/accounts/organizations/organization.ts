import { problem, type Problem } from '../../../platform/problems/problem.ts'
import type { Suspension } from '../suspensions/index.ts'
import type { Role } from '../../../platform/access/permissions.ts'

export interface Organization {
  readonly id: string
  readonly name: string
  readonly slug: string
  /** The role of the user who makes the request. */
  readonly role: Role
  readonly suspension: Suspension | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

export const slugPattern = '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'
export const slugLengthMax = 50

export function slugTaken(slug: string | undefined): Problem {
  return problem('slug-taken', { detail: `Another organization has the slug ${String(slug)}.` })
}

/** The slug of a name: lower case, without diacritics, dashes between words. Empty if no letter or digit is left. */
export function slugOf(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{Mn}/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, slugLengthMax)
    .replaceAll(/^-+|-+$/g, '')
}

/** An alternative slug for a name whose slug is taken or empty; `mark` makes it unique. */
export function slugWithMark(slug: string, mark: string): string {
  const stem = slug === '' ? 'org' : slug.slice(0, slugLengthMax - mark.length - 1).replace(/-+$/, '')
  return `${stem}-${mark}`
}
