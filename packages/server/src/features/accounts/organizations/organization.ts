import type { Role } from '../access/index.ts'

export interface Organization {
  readonly id: string
  readonly name: string
  readonly slug: string
  /** What the member who asks is in it. */
  readonly role: Role
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** How much an organization has, beside what its applications hold. */
export interface Possessions {
  readonly members: number
  readonly invitations: number
  readonly applications: number
  readonly packages: number
  readonly models: number
  readonly providerKeys: number
}

export const slugPattern = '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'
export const slugLengthMax = 50

/** The slug of a name: lower case, without diacritics, dashes between words; empty when nothing of the name is left. */
export function slugOf(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{Mn}/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, slugLengthMax)
    .replaceAll(/^-+|-+$/g, '')
}

/** A further slug for a name whose own is taken or empty, told apart by `mark`. */
export function slugWithMark(slug: string, mark: string): string {
  const stem = slug === '' ? 'org' : slug.slice(0, slugLengthMax - mark.length - 1).replace(/-+$/, '')
  return `${stem}-${mark}`
}
